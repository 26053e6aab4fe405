"""Where the files of a volume lie: a folder of this machine, or one behind http, S3 or Google's storage."""

import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

Missing = Literal["zero", "error"]
"""What a chunk that is not there means: voxels of the fill value, mostly 0, or damage."""

LISTED = 20  # folders inside of one, among which there is to be chosen
ANSWER_SECONDS = 10.0  # within which a remote file of metadata must be there
STALL_SECONDS, SLOWEST = 60.0, 100_000.0  # what a remote box may take: seconds, and besides bytes a second
# four tries within three seconds; tensorstore's own 32 would take minutes
_RETRIES = {"max_retries": 3, "initial_delay": "200ms", "max_delay": "1s"}
CONTEXT = {f"{kind}_request_retries": _RETRIES for kind in ("http", "s3", "gcs")}

_REMOTE = re.compile(r"(https?|s3|gs)://")
_DETAILS = re.compile(
    r" \[(tensorstore_spec|http_response_body|curl_code|os_error_code|source locations)=.*", re.S
)
_LOCAL = re.compile(r'local file "([^"]+)"')
_TROUBLE = ("ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")
_FORBIDDEN = ("PERMISSION_DENIED", "UNAUTHENTICATED")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder: a path, or a URL of http, https, s3 or gs."""

    name: str

    def __truediv__(self, inner: str) -> "Place":
        return Place(f"{self.name.rstrip('/')}/{posixpath.normpath(inner.strip('/'))}")

    def __str__(self) -> str:
        return self.name

    @property
    def parent(self) -> "Place":
        return Place(posixpath.dirname(self.name.rstrip("/")))

    @property
    def remote(self) -> bool:
        return _REMOTE.match(self.name) is not None

    @property
    def path(self) -> Path:
        """Of a folder of this machine."""
        return Path(self.name)

    @property
    def kvstore(self) -> str | dict[str, object]:
        """The folder as tensorstore is told of it.

        Raises:
            OSError: If it has a name that tensorstore would take for another, or fail at.
        """
        if not self.remote:
            path = self.path.resolve().as_posix()
            if "\\" in path or path.encode(errors="replace").decode() != path:
                raise OSError(f"expected a path in UTF-8 without backslashes; got {path!r}")
            return {"driver": "file", "path": f"{path}/"}
        scheme, _, rest = self.name.rstrip("/").partition("://")
        return _s3(rest) if scheme == "s3" else f"{scheme}://{rest}/"

    def read(self, file: str) -> bytes | None:
        """The contents of a file, None if there is none.

        Raises:
            OSError: If it cannot be read, or the other side is not there or does not let us.
        """
        if not self.remote:
            path = self.path / file
            return path.read_bytes() if path.is_file() else None
        import tensorstore

        with failures_named(self / file):
            store = tensorstore.KvStore.open(self.kvstore, context=tensorstore.Context(CONTEXT))
            found = store.result(timeout=ANSWER_SECONDS).read(file).result(timeout=ANSWER_SECONDS)
        return bytes(found.value) if found.state == "value" else None


def choice_of(place: Place, target: Place, *markers: str) -> str:
    """`name one as a.n5::NAME: x, y`: the first folders in `target` that hold such a file, if it is local."""
    there: set[str] = set()
    if not target.remote:
        found = (
            file for depth in ("*", "*/*") for name in markers for file in target.path.glob(f"{depth}/{name}")
        )
        there = {file.parent.relative_to(place.path).as_posix() for file in islice(found, LISTED)}
    return f"name one as {place}::NAME" + f": {', '.join(sorted(there))}" * bool(there)


def seconds_for(place: Place, size: int) -> float | None:
    """How long `size` bytes of voxels may take; None for ever."""
    return STALL_SECONDS + size / SLOWEST if place.remote else None


@contextmanager
def failures_named(place: Place) -> Iterator[None]:
    """What tensorstore raises, in one line that names the place.

    Raises:
        ValueError: For damaged data.
        OSError: For a network, a disk or rights that are in the way.
    """
    try:
        yield
    except TimeoutError as error:
        raise OSError(f"{place} does not answer") from error
    except (ValueError, NotImplementedError) as error:
        kind = str(error).partition(":")[0]
        reason = " ".join(_DETAILS.sub("", str(error)).split())
        if kind in _FORBIDDEN:
            raise PermissionError(f"no permission to read {place}: {reason}") from error
        local = _LOCAL.search(reason)
        if local is not None and "[os_error_code=" in str(error):
            cause = reason.rpartition(": ")[2]
            raise OSError(f"{local[1]} cannot be read or written: {cause}") from error
        if kind in _TROUBLE or "[os_error_code=" in str(error):
            raise OSError(f"{place} cannot be reached or written: {reason}") from error
        raise ValueError(f"{place} is no readable array: {reason}") from error


def _s3(rest: str) -> dict[str, object]:
    """As Amazon's own programs do it: who has no keys is anonymous, and $AWS_ENDPOINT_URL leads elsewhere."""
    bucket, _, path = rest.partition("/")
    spec: dict[str, object] = {"driver": "s3", "bucket": bucket, "path": f"{path}/" if path else ""}
    keys = any(name in os.environ for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN"))
    if not keys and not Path("~/.aws/credentials").expanduser().exists():
        spec["aws_credentials"] = {"type": "anonymous"}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3", os.environ.get("AWS_ENDPOINT_URL"))
    if endpoint:
        spec |= {"endpoint": endpoint, "aws_region": os.environ.get("AWS_REGION", "us-east-1")}
    return spec
