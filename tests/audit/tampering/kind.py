"""What a kind of tampering is, and what is to find it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tests.audit.tampering.scene import Scene

VERIFY, SEAL = "audit verify", "seal"

Act = Callable[[Scene], Any]


class Kind(msgspec.Struct, frozen=True):
    """Something that a hand does to a database.

    `words`: what the audit says of it, empty where only a seal finds it. `is_sealed_anew`: whether the hand makes all
    seals in the log anew afterwards, where only one that is kept elsewhere is to find what it did.
    """

    of: str
    name: str
    act: Act
    words: str = ""
    is_sealed_anew: bool = True

    @property
    def found_by(self) -> str:
        """What finds it."""
        return VERIFY if self.words else SEAL


def then(*acts: Act) -> Act:
    """One hand that does all of this."""

    def act(scene: Scene) -> None:
        for one in acts:
            one(scene)

    return act


HASHES, VIEWS = "hashes recomputed", "views rewritten"


def in_all_ways(of: str, name: str, stream: str, act: Act, says: Mapping[str, str]) -> list[Kind]:
    """One tampering with a stream: plainly, with its hashes recomputed, with the views rewritten, and with both.

    `says`: by `plain`, `hashes`, `views` and `both` what the audit says; a way that it does not name cannot be gone.
    """

    rehashed = then(act, lambda scene: scene.rechain(stream))
    ways: Mapping[str, tuple[str, Act]] = {
        "plain": ("", act),
        "hashes": (f", {HASHES}", rehashed),
        "views": (f", {VIEWS}", then(act, Scene.rewrite_views)),
        "both": (f", {HASHES}, {VIEWS}", then(rehashed, Scene.rewrite_views)),
    }
    return [Kind(of, name + ways[way][0], ways[way][1], words) for way, words in says.items()]
