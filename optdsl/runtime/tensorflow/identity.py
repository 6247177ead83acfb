"""Which rule a class is, for Keras: its name and the hash of its meaning."""

from __future__ import annotations

from typing import Any

import keras

from optdsl.runtime.tensorflow.rule import Rule


class EarlierName:
    """What files of optdsl 0.1.0 call a rule: its name alone, whatever it computes."""

    def __init__(self, name: str, by_meaning: dict[str, Any]) -> None:
        self.name = name
        self.by_meaning = by_meaning

    def from_config(self, config: dict[str, Any], **_: Any) -> Any:
        """An optimizer of the only rule of that name.

        Raises:
            ValueError: there are several.
        """
        if len(self.by_meaning) > 1:
            raise ValueError(
                f"the file was saved by optdsl 0.1.0, which knew rules by their names "
                f"alone, and {len(self.by_meaning)} different rules called {self.name} "
                "are loaded: say which with `keras.saving.get_custom_objects()"
                f"['optdsl>{self.name}'] = {self.name}`"
            )
        (cls,) = self.by_meaning.values()
        return cls.from_config(config)


def register(cls: type, rule: Rule) -> None:
    """Makes a class known to `keras.saving`, under its rule's name and meaning.

    Two rules of one name are never taken for each other. What 0.1.0 saved under the
    name alone is loaded while one rule has that name.
    """
    own = f"{rule.name}_{rule.meaning}"
    keras.saving.register_keras_serializable(package="optdsl", name=own)(cls)
    known = keras.saving.get_custom_objects()
    earlier = known.get(f"optdsl>{rule.name}")
    others: dict[str, Any] = getattr(earlier, "by_meaning", {})
    if earlier is not None and not others:  # a class that 0.1.0 generated
        others = {"0.1.0": earlier}
    merged = EarlierName(rule.name, {**others, rule.meaning: cls})
    known[f"optdsl>{rule.name}"] = merged
