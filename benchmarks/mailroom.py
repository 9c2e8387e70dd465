"""How many mail send requests a second the mailroom takes, counting only: `python -m benchmarks.mailroom`.

The yardstick, measured in the same run, is what no stand-in can avoid: reading the same bodies off a socket and
decoding them. The printed ratio says how much the rules, the counting and HTTP add; it holds on any machine.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import orjson

HEADERS = {"Authorization": "Bearer SG.bench", "Content-Type": "application/json"}


def body(rows: int) -> bytes:
    """A broadsheet's request: about 25 kB of HTML, three merge values, an unsubscribe link and an id in each row."""
    return orjson.dumps(
        {
            "personalizations": [
                {
                    "to": [{"email": f"reader{number}@example.com"}],
                    "substitutions": {
                        "-bs00h-": f"Reader {number}",
                        "-bs01t-": f"Reader {number}",
                        "-bs02u-": f"https://letters.example.com/r/{number:020x}",
                    },
                    "custom_args": {"bs_delivery": str(number)},
                    "headers": {
                        "List-Unsubscribe": f"<https://letters.example.com/u/{number:060x}>",
                        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                    },
                }
                for number in range(rows)
            ],
            "from": {"email": "letters@example.com", "name": "Letters"},
            "subject": "A subject for -bs01t-",
            "content": [
                {"type": "text/plain", "value": "Hello -bs01t-.\n" * 500},
                {"type": "text/html", "value": "<p style='margin:0'>Hello -bs00h-, read on.</p>\n" * 500},
            ],
            "custom_args": {"bs_submission": "0123456789abcdef"},
        }
    )


def push(port: int, content: bytes, seconds: float) -> float:
    """Requests a second over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        connection.request("POST", "/v3/mail/send", content, HEADERS)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202, answer.status
        count += 1
    rate = count / (time.perf_counter() - begun)
    connection.close()
    return rate


def decode_only(listener: socket.socket) -> None:
    """The yardstick's server: a length of 8 bytes, a body, one byte back; forever."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while head := connection.recv(8, socket.MSG_WAITALL):
            whole = bytearray(int.from_bytes(head, "big"))
            connection.recv_into(whole, len(whole), socket.MSG_WAITALL)
            orjson.loads(whole)
            connection.sendall(b"+")


def yardstick(content: bytes, seconds: float) -> float:
    """Bodies a second that can be received and decoded."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = multiprocessing.get_context("fork").Process(target=decode_only, args=(listener,), daemon=True)
        server.start()
        with socket.create_connection(listener.getsockname()) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            count, begun = 0, time.perf_counter()
            while time.perf_counter() - begun < seconds:
                connection.sendall(len(content).to_bytes(8, "big") + content)
                connection.recv(1)
                count += 1
            rate = count / (time.perf_counter() - begun)
        server.terminate()
        server.join()
    return rate


def main() -> None:
    """Start a mailroom in a process of its own and push."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    seconds = parser.parse_args().seconds
    mailroom = subprocess.Popen([sys.executable, "-m", "worker.mailroom"], stdout=subprocess.PIPE, text=True)
    try:
        assert mailroom.stdout
        port = int(mailroom.stdout.readline().rpartition(":")[2])
        print("rows      kB  mailroom/s  recipients/s  decode only/s  ratio")
        for rows in (1, 100, 1_000):
            content = body(rows)
            push(port, content, 0.2)
            rate, bare = push(port, content, seconds), yardstick(content, seconds)
            print(f"{rows:5}{len(content) / 1e3:8.0f}{rate:12.0f}{rate * rows:14,.0f}{bare:15.0f}{rate / bare:7.2f}")
        with ThreadPoolExecutor(4) as pool:
            rates = list(pool.map(lambda _: push(port, content, seconds), range(4)))
        print(f"4 connections, {rows} rows: {sum(rates):.0f} requests/s in all")
        print(f"mailroom's memory: {resident_mb(mailroom.pid):.0f} MB")
    finally:
        os.kill(mailroom.pid, signal.SIGTERM)
        mailroom.wait()


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
