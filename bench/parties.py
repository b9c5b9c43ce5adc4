# parties.py: those who take part in a measurement: provider, plain nginx, Freehold, load.
# SPDX-License-Identifier: Apache-2.0

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import machine
import traffic

HERE = pathlib.Path(__file__).parent

NGINX = """\
# A plain proxy as one would tune it for this work; bench/README.md says why each line is there.
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
worker_rlimit_nofile 8256;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_buffer_size 32m;
    client_max_body_size 32m;
    keepalive_requests 100000000;
    keepalive_timeout 300s;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    upstream provider {{
        server 127.0.0.1:{provider};
        keepalive 512;
        keepalive_requests 100000000;
        keepalive_timeout 300s;
    }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout 300s;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ proxy_pass http://provider; }}
    }}
    server {{
        listen 127.0.0.1:{stream_port} backlog=4096;
        location / {{ proxy_pass http://provider; proxy_buffering off; }}
    }}
}}
"""

FREEHOLD = """\
listen: 127.0.0.1:{port}
workers: 1
connections: 4096
providers:
  bench_anthropic:
    kind: anthropic_compatible
    url: http://127.0.0.1:{provider}
    key: env:FREEHOLD_BENCH_PROVIDER_KEY
  bench_openai:
    kind: openai_compatible
    url: http://127.0.0.1:{provider}/v1
    key: env:FREEHOLD_BENCH_PROVIDER_KEY
models:
"""
FREEHOLD_MODEL = """\
  {alias}:
    routes:
      - {{provider: bench_{dialect}, model: {model}}}
"""


class CouldNot(Exception):
    """A party did not start."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def stop(process):
    """End a process that we started and wait for it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(what, ready, seconds, process=None):
    until = time.monotonic() + seconds
    while not ready():
        if process is not None and process.poll() is not None:
            raise CouldNot(f"{what} ended with status {process.returncode}")
        if time.monotonic() > until:
            raise CouldNot(f"{what} was not ready after {seconds} s")
        time.sleep(0.02)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Provider:
    """The scripted provider; also the contestant "direct"."""

    name = "direct"
    key = "none"
    workers = ()

    def __init__(self, tools, core):
        self.answered = 0
        self.process = subprocess.Popen(
            [tools / "bench-provider", HERE / "answers"], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line:
            raise CouldNot("the scripted provider did not start")
        machine.pin(self.process.pid, core)
        self.port = self.stream_port = int(line)

    def stats(self):
        return json.loads(traffic.get(self.port, "/stats"))

    def alias(self, model, _dialect):
        return model

    def overhead(self):
        return ()

    def close(self):
        stop(self.process)


class ProxyPass:
    """nginx with proxy_pass and nothing else."""

    name = "proxy_pass"
    key = "none"

    def __init__(self, folder, nginx, provider, core, wrapper=()):
        folder.mkdir(parents=True)
        self.answered = 0
        self.port, self.stream_port = free_port(), free_port()
        (folder / "nginx.conf").write_text(
            NGINX.format(provider=provider.port, port=self.port, stream_port=self.stream_port)
        )
        self.process = subprocess.Popen(
            [*wrapper, nginx, "-p", folder, "-c", "nginx.conf", "-g", "daemon off;"],
            stderr=(folder / "stderr").open("w"),
        )
        try:
            wait_for("nginx", lambda: answers(self.port), 30, self.process)
            self.workers = workers_of(self.process.pid)
            for worker in self.workers:
                machine.pin(worker, core)
        except BaseException:
            self.close()
            raise

    def alias(self, model, _dialect):
        return model

    def overhead(self):
        return ()

    def close(self):
        stop(self.process)


class Freehold:
    """Freehold as `freehold up` runs it: gateway with one worker, control, no local engine."""

    name = "freehold"

    def __init__(self, folder, program, models, provider, cores, wrapper=None):
        """`models` is the set of (model, dialect) that will be asked for."""
        folder.mkdir(parents=True)
        config = folder / "freehold.yaml"
        port = free_port()
        config.write_text(
            FREEHOLD.format(port=port, provider=provider.port)
            + "".join(
                FREEHOLD_MODEL.format(alias=self.alias(name, dialect), dialect=dialect, model=name)
                for name, dialect in sorted(models)
            )
        )
        env = os.environ | {"FREEHOLD_BENCH_PROVIDER_KEY": "sk-bench-provider", "PORT": str(port)}
        if wrapper is not None:
            env["PATH"] = f"{wrapper}:{env['PATH']}"
        self.answered = 0  # requests, all told; the books must have as many
        self.program, self.config, self.state = program, config, folder / "state"
        self.log = folder / "log"
        self.process = subprocess.Popen(
            [program, "up", "--config", config, "--state", self.state],
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            env=env,
        )
        try:
            wait_for("freehold up", self._ready, 60, self.process)
            self.family = machine.family(self.process.pid)
            self.workers = workers_of(self.process.pid)
            if len(self.workers) != 1:
                raise CouldNot(f"freehold up has {len(self.workers)} workers instead of 1")
            for pid in self.family:
                machine.pin(pid, cores["gateway" if pid in self.workers else "other"])
        except BaseException as error:
            self.close()
            if isinstance(error, CouldNot):
                raise CouldNot(f"{error}\n{self.log.read_text()[-2000:]}") from error
            raise

    def _ready(self):
        for line in self.log.read_text().splitlines():
            if line.startswith("ready "):
                _, url, self.key = line.split()
                self.port = self.stream_port = int(url.rstrip("/").rsplit(":", 1)[1])
                return True
        return False

    def alias(self, model, dialect):
        return f"{model}.{dialect}"

    def overhead(self):
        """Every process of Freehold but the workers: supervisor, nginx master, control."""
        return tuple(pid for pid in self.family if pid not in self.workers)

    def books(self):
        """How many requests were answered, and how many `freehold usage` knows of: control books
        behind the requests, so it has a few seconds for it. None where it cannot be asked."""
        command = [self.program, "usage", "--json", "--config", self.config, "--state", self.state]
        for _ in range(100):
            out = subprocess.run(command, capture_output=True, text=True, check=False)
            if out.returncode != 0:
                return None
            booked = sum(row["requests"] for row in json.loads(out.stdout)["rows"])
            if booked >= self.answered:
                break
            time.sleep(0.1)
        return {"answered": self.answered, "booked": booked}

    def close(self):
        stop(self.process)


def workers_of(pid):
    """The nginx workers below a process. Under valgrind they cannot change their command line:
    there a worker is what has the same one as its parent."""

    def found():
        family = machine.family(pid)
        return tuple(
            one
            for one, (parent, line) in family.items()
            if "nginx: worker" in line
            or ("valgrind" in line and parent in family and family[parent][1] == line)
        )

    wait_for("an nginx worker", found, 20)
    return found()


class Load:
    """The load generator: one process for each run."""

    def __init__(self, tools, folder):
        self.program = tools / "bench-load"
        self.folder = folder
        folder.mkdir(parents=True)

    def _command(self, port, wire, options):
        (self.folder / "request").write_bytes(wire)
        command = [self.program, "--port", str(port), "--request", self.folder / "request"]
        for name, value in options.items():
            if name == "same":
                (self.folder / "same").write_bytes(value)
                value = self.folder / "same"
            command += ["--" + name.replace("_", "-"), str(value)]
        return command

    def run(self, port, wire, core, **options):
        """Send `wire` to `port`; raises traffic.Wrong unless every single answer was right."""
        process = subprocess.Popen(
            self._command(port, wire, options),
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            out, _ = process.communicate()
        finally:
            stop(process)
        if process.returncode > 1:
            raise traffic.Wrong("the load generator could not connect")
        result = json.loads(out)
        wrong = {kind: count for kind, count in result["errors"].items() if count}
        if wrong:
            raise traffic.Wrong(f"{wrong} of {result['requests']}; {result['first_error']}")
        return result

    def hold(self, port, wire, core, connections):
        """Open that many streams and hold them; returns a function that lets go of them."""
        options = {"connections": connections, "events": 1, "spread_ms": connections}
        process = subprocess.Popen(
            [*self._command(port, wire, options), "--hold"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        ready = json.loads(process.stdout.readline())["ready"]

        def release():
            process.stdin.close()
            result = json.loads(process.stdout.readline())
            stop(process)
            if ready != connections or result["good"] != connections:
                raise traffic.Wrong(f"{ready} of {connections} streams; {result['first_error']}")

        return release


def find_nginx():
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        raise CouldNot("nginx is not installed (Debian: apt-get install nginx)")
    return nginx
