"""Acting on modules when they are imported: an SDK that an application does not use is not loaded for our sake.

Guarantee: a module is imported as it would be without us; what is called afterwards cannot make the import fail.
"""

import importlib.abc
import importlib.machinery
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from spanpulse._log import say_once

__all__ = ["when_imported"]

Action = Callable[[ModuleType], None]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds what the finders behind it find, with a loader that tells when it is done."""

    def __init__(self) -> None:
        self.actions: dict[str, list[Action]] = {}
        self._looking = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.actions or getattr(self._looking, "name", None) == fullname:
            return None
        self._looking.name = fullname
        try:
            spec = _found(fullname, path, target)
        finally:
            self._looking.name = None
        if spec is not None and spec.loader is not None:
            spec.loader = _Telling(spec.loader, self.actions[fullname])
        return spec


class _Telling(importlib.abc.Loader):
    """A loader that acts when the module has been executed; it is not seen afterwards."""

    def __init__(self, inner: Any, actions: list[Action]) -> None:
        self._inner = inner
        self._actions = actions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._inner.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        for action in list(self._actions):
            _act(action, module)


def when_imported(name: str, action: Action) -> Callable[[], None]:
    """Call ``action`` with a module: at once if it is there, else when it is; return what takes that back."""
    if (module := sys.modules.get(name)) is not None:
        _act(action, module)
    finder = next((each for each in sys.meta_path if isinstance(each, _Finder)), None)
    if finder is None:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
    actions = finder.actions.setdefault(name, [])
    actions.append(action)
    return lambda: actions.remove(action) if action in actions else None


def _found(
    fullname: str, path: Sequence[str] | None, target: ModuleType | None
) -> importlib.machinery.ModuleSpec | None:
    for finder in sys.meta_path:
        if not isinstance(finder, _Finder) and (spec := finder.find_spec(fullname, path, target)) is not None:
            return spec
    return None


def _act(action: Action, module: ModuleType) -> None:
    try:
        action(module)
    except Exception as error:  # noqa: BLE001 -- the application's import goes on
        say_once(f"{module.__name__} cannot be instrumented ({type(error).__name__}: {error})", error)
