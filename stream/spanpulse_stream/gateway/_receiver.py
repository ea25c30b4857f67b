"""What receives a request of OTLP, whatever carried it: who may send, how much is in flight, durable or refused.

A request is answered with success only after every message of it is durable in the log, all of them in one append;
anything else means that nothing of it was taken, but for a failure of the log itself (503), after which the sender
repeats it and the pipeline drops what it has seen. What the log can never take is named in a partial success. Bodies
and keys are never logged. Metrics are answered and not kept. Refusals carry HTTP's status; what carries another
protocol translates it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, TypeVar

from spanpulse_stream.gateway._answers import Answer, RequestRefused, accepted
from spanpulse_stream.gateway._body import ClientGone
from spanpulse_stream.gateway._intake import Intake, Sender, prepare
from spanpulse_stream.gateway._keys import ApiKeys, Headers
from spanpulse_stream.gateway._limits import Budget, Reservation
from spanpulse_stream.gateway._metrics import not_kept
from spanpulse_stream.gateway._options import OtlpOptions
from spanpulse_stream.gateway._quotas import Quotas
from spanpulse_stream.log import LogAway, LogClosed, LogFull, MessageLog, MessagesRefused, Signal
from spanpulse_stream.observe import Condition, Health, Metrics, catalog

__all__ = ["Kind", "Receiver"]

logger = logging.getLogger(__name__)

Kind = Signal | Literal["metrics"]
State = Literal["starting", "serving", "stopping"]
Result = TypeVar("Result")
NO_SIGNAL = "none"  # also of requests whose path was never read
RETRY_AFTER_S = 2.0
LOG_FULL_SHOWN_S = 10.0  # how long one 429 keeps the process unready, if no other follows


class Receiver:
    """Receives requests into ``log``.

    It refuses them (503) until ``serve`` and after ``stop``. ``close`` ends its threads.
    """

    def __init__(self, log: MessageLog, options: OtlpOptions, metrics: Metrics, health: Health) -> None:
        self.options = options
        self._keys: ApiKeys | None = options.keys
        self._log = log
        self._metrics = metrics
        self._health = health
        self._state: State = "starting"
        limits = options.limits
        self._budget = Budget(limits.most_requests, limits.budget, limits.most_json_bytes)
        self._quotas = Quotas(options.quota_bytes, options.quota_records, time.monotonic, metrics)
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="otlp")
        metrics.watch(catalog.RECEIVER_IN_FLIGHT, lambda: self._budget.requests)
        metrics.watch(catalog.RECEIVER_IN_FLIGHT_BYTES, lambda: self._budget.bytes)

    def serve(self) -> None:
        """Accept requests from now on."""
        self._state = "serving"

    def stop(self) -> None:
        """Refuse new requests; those in flight go on."""
        self._state = "stopping"

    def use_keys(self, keys: ApiKeys | None) -> None:
        """Check senders by these keys from the next request on; without any, None, all are told to come again (503).

        What a key has used of its quota stays, and so does what is under way.
        """
        self._keys = keys

    def close(self) -> None:
        """End the threads; waits for what they do."""
        self._threads.shutdown(cancel_futures=True)

    def refused(self, status: int) -> None:
        """Count a request that the server refused before it came here."""
        self._metrics.add(catalog.RECEIVER_REQUESTS, 1, NO_SIGNAL, str(status))

    def sender(self, headers: Headers, peer: str) -> Sender:
        """Return who sends, by the key in its headers. Raises RequestRefused (401, 429, 503)."""
        if self._state != "serving":
            raise RequestRefused(503, f"the receiver is {self._state}", retry_after_s=RETRY_AFTER_S)
        if self._keys is None:
            raise RequestRefused(503, "the receiver knows no API keys yet", retry_after_s=RETRY_AFTER_S)
        entry = self._keys.entry(headers)
        if entry is None:
            message = "no valid API key; send it as 'authorization: Bearer KEY' or 'x-api-key: KEY'"
            raise RequestRefused(401, message, headers=[(b"www-authenticate", b"Bearer")])
        sender = Sender(entry[0], peer, entry[1])
        self._quotas.check(sender)
        return sender

    def open(self) -> Reservation:
        """Begin to receive a body, within a `with` block."""
        return self._budget.open()

    @contextlib.contextmanager
    def reading(self, sender: Sender, held: Reservation) -> Iterator[None]:
        """Charge its sender what arrived of a body that is refused, or not sent to its end, within the `with` block."""
        try:
            yield
        except (RequestRefused, ClientGone):
            self._quotas.spend(sender, held.cost)
            raise

    async def answer(self, kind: Kind | None, receiving: Awaitable[Answer]) -> Answer | RequestRefused | None:
        """Wait for ``receiving`` to end and count how it did. None means that the sender went away."""
        begun = time.perf_counter()
        signal = kind or NO_SIGNAL
        outcome: Answer | RequestRefused
        try:
            outcome = await self._guarded(receiving)
        except ClientGone as gone:
            _let_go(gone)
            self._metrics.add(catalog.RECEIVER_ABORTED, 1, signal)
            return None
        except RequestRefused as refusal:
            _let_go(refusal)
            self._metrics.add(catalog.RECEIVER_RECORDS, refusal.records, signal, "refused")
            outcome = refusal
        self._metrics.add(catalog.RECEIVER_REQUESTS, 1, signal, str(outcome.status))
        self._metrics.observe(catalog.RECEIVER_SECONDS, time.perf_counter() - begun, signal)
        return outcome

    async def take(
        self, body: bytes, kind: Kind, encoding: str, sender: Sender, held: Reservation, *, as_json: bool
    ) -> Answer:
        """Take a whole body whose size is ``held``. Raises RequestRefused (400, 413, 429, 503).

        One that is refused before the log is asked costs its sender the bytes that it took, whoever it is that lacks
        something: it was received and decompressed, and would be for nothing as often as it is sent.
        """
        with self.reading(sender, held):
            held.admit()
            self._metrics.add(catalog.RECEIVER_BYTES, len(body), kind, "sent")
            if kind == "metrics":
                limits = self.options.limits
                answer = await self._in_thread(partial(not_kept, body, encoding, limits, held, as_json=as_json))
                self._quotas.spend(sender, held.cost)
                return answer
            intake = await self._prepare(body, kind, encoding, sender, held, as_json=as_json)
            self._quotas.charge(sender, intake.size, intake.records)
        try:
            lost, why_lost = await self._append(intake)
        except BaseException:
            self._quotas.give_back(sender, intake.size, intake.records)
            raise
        self._metrics.add(catalog.RECEIVER_BYTES, intake.size, kind, "decompressed")
        self._metrics.add(catalog.RECEIVER_RECORDS, intake.records - lost, kind, "accepted")
        self._metrics.add(catalog.RECEIVER_RECORDS, len(intake.rejected), kind, "rejected")
        if lost:
            self._metrics.add(catalog.RECEIVER_RECORDS, lost, kind, "too_large")
        return accepted(kind, intake.rejected, lost=lost, why_lost=why_lost, as_json=as_json)

    async def _guarded(self, receiving: Awaitable[Answer]) -> Answer:
        try:
            return await receiving
        except (RequestRefused, ClientGone):
            raise
        except asyncio.CancelledError:
            # The stop took too long. A bare end would read as 500, after which senders drop their data.
            raise RequestRefused(503, "the receiver stops", retry_after_s=RETRY_AFTER_S, close=True) from None
        except Exception:
            logger.exception("a request failed inside the receiver")
            raise RequestRefused(500, "the receiver failed; its log says why") from None

    async def _prepare(
        self, body: bytes, signal: Signal, encoding: str, sender: Sender, held: Reservation, *, as_json: bool
    ) -> Intake:
        options = self.options

        def work() -> Intake:
            return prepare(
                body,
                signal,
                encoding,
                sender,
                as_json=as_json,
                limits=options.limits,
                decoding=options.decoding,
                partitions=options.partitions,
                held=held,
            )

        if len(body) <= options.limits.inline_bytes and not encoding and not as_json:
            return work()
        return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _append(self, intake: Intake) -> tuple[int, str]:
        """Append what a request holds; return how many records the log will never take, and why not."""
        if not intake.messages:
            return 0, ""
        try:
            await self._log.append(intake.messages)
        except MessagesRefused as refusal:
            logger.warning("the log will never take %d records: %s", refusal.records, refusal)
            return refusal.records, str(refusal)
        except LogFull as full:
            self._health.report(Condition.LOG_FULL, str(full), for_seconds=LOG_FULL_SHOWN_S)
            raise RequestRefused(429, str(full), retry_after_s=full.retry_after_s, records=intake.records) from None
        except LogAway as away:
            raise RequestRefused(503, str(away), retry_after_s=away.retry_after_s, records=intake.records) from None
        except LogClosed:
            raise RequestRefused(
                503, "the receiver is stopping", retry_after_s=RETRY_AFTER_S, records=intake.records
            ) from None
        except Exception:
            logger.exception("the log did not take a request")
            raise RequestRefused(
                503, "the log failed; try again", retry_after_s=RETRY_AFTER_S, records=intake.records
            ) from None
        return 0, ""


def _let_go(error: BaseException) -> None:
    """Have an error hold no frames: each has the request's body, and would keep it until the next full collection.

    An error refers to the frames it passed through, one of which refers to the error: a circle, which a process that
    collects seldom keeps for long. Hundreds of refused requests would be hundreds of bodies.
    """
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = None
        before, each.__context__, each.__cause__ = each.__cause__ or each.__context__, None, None
        each = before
