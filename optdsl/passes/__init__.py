"""IR -> IR: what happens when, before anything is spelled in a framework."""
