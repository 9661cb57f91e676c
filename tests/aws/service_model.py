"""A strict check of requests against the service's own model: what botocore checks, and patterns, maximums, enums."""

import re
from functools import cache

_WORDS = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{M}": r"\u0300-\u036f",
    r"\p{S}": r"$+<=>^`|~\xa2-\xa9\xac\xae-\xb1\u20a0-\u20c0\u2100-\u23ff",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}\xa1\xa7\xab\xb6\xb7\xbb\xbf\u2010-\u2027\u2030-\u205e",
    r"\p{Print}": r"[\x20-\x7e]",
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
}


@cache
def model(service):
    import botocore.session

    return botocore.session.get_session().get_service_model(service)


def faults(operation, request, service="sagemaker"):
    """Return what is wrong with a request, as texts; none for one that the service takes."""
    return list(_walk(model(service).operation_model(operation).input_shape, request, operation))


def _walk(shape, value, where):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no structure"
            return
        for name in set(value) - set(shape.members):
            yield f"{where}: unknown member {name}"
        for name in set(shape.required_members) - set(value):
            yield f"{where}: {name} is missing"
        for name in set(value) & set(shape.members):
            yield from _walk(shape.members[name], value[name], f"{where}.{name}")
    elif kind == "list":
        yield from _sizes(shape, len(value), where)
        for place, item in enumerate(value):
            yield from _walk(shape.member, item, f"{where}[{place}]")
    elif kind == "map":
        yield from _sizes(shape, len(value), where)
        for key, item in value.items():
            yield from _walk(shape.key, key, f"{where} key")
            yield from _walk(shape.value, item, f"{where}[{key}]")
    elif kind == "string":
        if not isinstance(value, str):
            yield f"{where}: {value!r} is no text"
            return
        yield from _sizes(shape, len(value), where)
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(_in_python(pattern), value):
            yield f"{where}: {value!r} does not match {pattern}"
        if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {shape.enum}"
    elif kind in ("integer", "long", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield f"{where}: {value!r} is no number"
            return
        yield from _sizes(shape, value, where)
    elif kind == "boolean" and not isinstance(value, bool):
        yield f"{where}: {value!r} is no boolean"


def _in_python(pattern):
    """Return a pattern in the words of Python's expressions, which know neither classes by name nor surrogates."""
    for theirs, ours in _WORDS.items():
        pattern = pattern.replace(theirs, ours)
    return re.sub(r"\$\{1,\d+\}$", "", pattern)  # which repeats the end of a text


def _sizes(shape, size, where):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{where}: {size} is less than {low}"
    if high is not None and size > high:
        yield f"{where}: {size} is more than {high}"
