"""The form of Model Monitor's two files, as its pages "Schema for Statistics" and "Schema for Constraints" have it."""

import math

OPTIONAL = "?"
SWITCH, METHOD = ("Enabled", "Disabled"), ("Simple", "Robust")
COMMON = {"num_present": int, "num_missing": int}
SKETCH = {"parameters": {"c": float, "k": float}, "data": [[float]]}
BUCKET = {"lower_bound": float, "upper_bound": float, "count": int}
NUMBERS = {
    "common": COMMON,
    **dict.fromkeys(("mean", "sum", "std_dev", "min", "max"), float),
    "distribution": {"kll": {"buckets": [BUCKET], "sketch": SKETCH}},
}
TEXTS = {
    "common": COMMON,
    "distinct_count": float,
    "distribution?": {"categorical": {"buckets": [{"value": str, "count": int}]}},
}
STATISTICS = {
    "version": float,
    "dataset": {"item_count": int},
    "features": [
        {
            "name": str,
            "inferred_type": ("Integral", "Fractional", "String", "Unknown"),
            "numerical_statistics?": NUMBERS,
            "string_statistics?": TEXTS,
        }
    ],
}
CONSTRAINTS = {
    "version": float,
    "features": [
        {
            "name": str,
            "inferred_type": ("Integral", "Fractional", "String", "Unknown"),
            "completeness": float,
            "num_constraints?": {"is_non_negative": bool},
            "string_constraints?": {"domains": [str]},
        }
    ],
    "monitoring_config": {
        "evaluate_constraints": SWITCH,
        "emit_metrics": SWITCH,
        "datatype_check_threshold": float,
        "domain_content_threshold": float,
        "distribution_constraints": {
            "perform_comparison": SWITCH,
            "comparison_threshold": float,
            "comparison_method": METHOD,
        },
    },
}


def faults(statistics, constraints):
    """Return what is wrong with two files, as texts: their form, and where they contradict each other."""
    return [*_walk(STATISTICS, statistics, "statistics"), *_walk(CONSTRAINTS, constraints, "constraints")] or [
        *_contradictions(statistics, constraints)
    ]


def _walk(shape, value, where):
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no object"
            return
        known = {name.removesuffix(OPTIONAL): inner for name, inner in shape.items()}
        for name in value.keys() - known.keys():
            yield f"{where}: unknown {name}"
        for name in (name for name in shape if not name.endswith(OPTIONAL) and name not in value):
            yield f"{where}: {name} is missing"
        for name in value.keys() & known.keys():
            yield from _walk(known[name], value[name], f"{where}.{name}")
    elif isinstance(shape, list):
        for place, one in enumerate(value):
            yield from _walk(shape[0], one, f"{where}[{place}]")
    elif isinstance(shape, tuple):
        if value not in shape:
            yield f"{where}: {value!r} is none of {shape}"
    elif type(value) is not shape or (shape is float and not math.isfinite(value)):
        yield f"{where}: {value!r} is no {shape.__name__}"


def _contradictions(statistics, constraints):
    rows = statistics["dataset"]["item_count"]
    for told, asked in zip(statistics["features"], constraints["features"], strict=True):
        name, kind = told["name"], told["inferred_type"]
        if (name, kind) != (asked["name"], asked["inferred_type"]):
            yield f"{name} is {kind}, and {asked['name']} is {asked['inferred_type']}"
        section = {
            "Integral": "numerical_statistics",
            "Fractional": "numerical_statistics",
            "String": "string_statistics",
        }
        if told.keys() - {"name", "inferred_type"} != {section[kind]} - {None} if kind in section else set():
            yield f"{name}: {kind} with {sorted(told)}"
            continue
        if kind == "Unknown":
            continue
        summary = told[section[kind]]
        present, missing = summary["common"]["num_present"], summary["common"]["num_missing"]
        if present + missing > rows or not math.isclose(asked["completeness"], present / (present + missing)):
            yield f"{name}: {present} and {missing} of {rows}, completeness {asked['completeness']}"
        buckets = next(iter(summary.get("distribution", {}).values()), {}).get("buckets")
        if buckets is not None and sum(bucket["count"] for bucket in buckets) != present:
            yield f"{name}: buckets hold others than {present}"
        if kind == "String":
            listed = [bucket["value"] for bucket in buckets or ()]
            if not set(asked.get("string_constraints", {}).get("domains", ())) <= set(listed):
                yield f"{name}: the domain is not what was there"
        elif (
            sum(len(level) << i for i, level in enumerate(summary["distribution"]["kll"]["sketch"]["data"])) != present
        ):
            yield f"{name}: the sketch stands for others than {present}"
