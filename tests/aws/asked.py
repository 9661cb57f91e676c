"""What was asked of AWS."""


def only(requests, operation):
    """Return the request of an operation that was asked for once."""
    (found,) = [request for name, request in requests if name == operation]
    return found
