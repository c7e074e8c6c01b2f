"""Which status an error is answered with."""

from eventqueue.errors import (
    AccessDenied,
    IllegalTransition,
    InvalidInput,
    JobNotFound,
    QueueError,
    Refused,
    Unavailable,
)


def status_of(error: QueueError) -> int:
    """Return it: 503 is worth asking again, and 500 a thing for who runs the page."""
    match error:
        case JobNotFound():
            return 404
        case InvalidInput():
            return 400
        case AccessDenied():
            return 403
        case IllegalTransition():
            return 409
        case Refused():
            return 422
        case Unavailable():
            return 503
        case _:
            return 500
