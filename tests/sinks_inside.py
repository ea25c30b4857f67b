"""Runs functions in a process of their own: the embedded engine has one database a process and bears no fork."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

Inside = Callable[..., Any]


@contextmanager
def a_process() -> Iterator[Inside]:
    """Yield a function that calls its first argument with the others in the process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        yield lambda function, *arguments: pool.submit(function, *arguments).result(timeout=120)
