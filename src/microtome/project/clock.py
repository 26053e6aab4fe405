"""When something happened, as the journal writes it: UTC, so that texts compare as times do."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


def timestamp(clock: Clock) -> str:
    """The time of `clock`, to the millisecond."""
    return clock().astimezone(UTC).isoformat(timespec="milliseconds")
