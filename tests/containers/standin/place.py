"""Buckets, logs and alarms, as the platform uses them for its users: those of moto."""

import io
import json
import tarfile
import threading
import time


def _split(address):
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


class Place:
    """Where jobs read and write.

    Parameters
    ----------
    session : boto3.Session
    """

    def __init__(self, session):
        self._s3, self._logs, self._alarms = (session.client(name) for name in ("s3", "logs", "cloudwatch"))
        self._lock = threading.Lock()
        self.streams = {}  # the names of the streams of each group

    def names(self, address):
        """Return the keys of all files below an address."""
        return list(self.tags(address))

    def tags(self, address):
        """Return the digests of all files below an address, by their names."""
        bucket, key = _split(address)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}

    def get(self, address):
        bucket, key = _split(address)
        return self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def put(self, address, content):
        bucket, key = _split(address)
        self._s3.put_object(Bucket=bucket, Key=key, Body=content)

    def download(self, address, folder):
        """Write all files below an address to a folder, under their paths below it; return how many they are."""
        bucket, prefix = _split(address)
        names = self.names(address)
        for name in names:
            path = folder / (name.removeprefix(prefix).lstrip("/") or name.rpartition("/")[2])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.get(f"s3://{bucket}/{name}"))
        return len(names)

    def upload(self, folder, address, known=None):
        """Upload the files of a folder; those of ``known`` are skipped while they are as they were, and it is kept."""
        known = {} if known is None else known
        for path in sorted(folder.rglob("*")):
            try:
                if not path.is_file() or known.get(path) == (stamp := path.stat().st_mtime_ns):
                    continue
                content = path.read_bytes()
            except FileNotFoundError:  # a temporary file
                continue
            self.put(f"{address.rstrip('/')}/{path.relative_to(folder)}", content)
            known[path] = stamp

    def unpack(self, address, folder):
        with tarfile.open(fileobj=io.BytesIO(self.get(address))) as archive:
            archive.extractall(folder, filter="data")

    def pack(self, folders, address):
        """Pack the files of folders into one archive, as those of all hosts are."""
        packed, found = io.BytesIO(), set()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
            for folder in folders:
                for path in sorted(folder.rglob("*")):
                    name = str(path.relative_to(folder))
                    if path.is_file() and name not in found:
                        archive.add(path, name)
                        found.add(name)
        if found:
            self.put(address, packed.getvalue())
        return sorted(found)

    def rung(self, alarms):
        """Return the names of those alarms that ring."""
        found = self._alarms.describe_alarms(AlarmNames=alarms)["MetricAlarms"] if alarms else []
        return [one["AlarmName"] for one in found if one["StateValue"] == "ALARM"]

    def log(self, group, stream):
        """Return a function that writes a line to a stream of the logs."""
        with self._lock:
            groups = self._logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
            if group not in [found["logGroupName"] for found in groups]:
                self._logs.create_log_group(logGroupName=group)
            self._logs.create_log_stream(logGroupName=group, logStreamName=stream)
            self.streams.setdefault(group, []).append(stream)

        def write(line):
            event = {"timestamp": int(time.time() * 1000), "message": line or " "}
            self._logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
            if '"_aws"' in line:
                self._measure(json.loads(line))

        return write

    def _measure(self, line):
        """Make metrics of a line in the embedded metric format, and let alarms ring."""
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = [{"Name": name, "Value": line[name]} for name in names]
                for metric in directive["Metrics"]:
                    name, value = metric["Name"], line[metric["Name"]]
                    data = [{"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": metric["Unit"]}]
                    self._alarms.put_metric_data(Namespace=directive["Namespace"], MetricData=data)
                    self._evaluate((directive["Namespace"], name, dimensions), value)

    def _evaluate(self, metric, value):
        for alarm in self._alarms.describe_alarms()["MetricAlarms"]:
            watched = (alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"])
            if watched == metric and value > alarm["Threshold"]:
                assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
                self._alarms.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason=str(value))
