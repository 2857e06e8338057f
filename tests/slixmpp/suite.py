"""slixmpp's own integration tests against a server of ours that is started here.

What must fail, because we do not offer it, stands in docs/xmpp.md, one line of a table each; all
other tests must pass. A test that fails and is not there, one that is there and passes, and one
that is there and does not exist make the run fail.

Arguments: the program, the folder of the unpacked source package of slixmpp, docs/xmpp.md.
Further ones are names of tests, and then only these are run.
"""

import hashlib
import json
import logging
import os
import re
import ssl
import subprocess
import sys
import tempfile
import types
import unittest
import urllib.parse
import urllib.request
import warnings
from pathlib import Path

# A name that every resolver knows; slixmpp looks up where to connect to.
DOMAIN = "localhost"
# For how long a test waits for what it expects to come; for what will not come, less is enough.
PATIENCE = 30
IMPATIENCE = 2


class Server:
    """`lianlian serve` in a folder of its own, with ports that were free."""

    def __init__(self, program, folder):
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("LIANLIAN_")
        }
        environment |= {
            "LIANLIAN_DATA_DIR": f"{folder}/data",
            "LIANLIAN_XMPP_DOMAIN": DOMAIN,
        }
        for listener in ("HTTP", "XMPP", "XMPPS", "XMPP_WEB"):
            environment[f"LIANLIAN_{listener}_ADDR"] = "127.0.0.1:0"
        self.errors = open(f"{folder}/stderr.log", "w+")
        self.process = subprocess.Popen(
            [program, "serve"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.ports = {}
        for line in self.process.stdout:
            if line == "ready\n":
                return
            name, port = re.fullmatch(r"(\S+) listening on .*:(\d+)\n", line).groups()
            self.ports[name] = int(port)
        raise SystemExit(f"the server has ended: {self.complaints()}")

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read()

    def account(self, name):
        """The id and the XMPP password of somebody who logs in for the first time."""
        given = {"name": name, "pass": "a password", "mac": "00:1b:2c:3d:4e:5f"}
        digest = hashlib.sha1("".join([*given.values(), "dface"]).encode()).hexdigest()
        form = urllib.parse.urlencode(given | {"hash": digest[:32]}).encode()
        url = f"http://127.0.0.1:{self.ports['http']}/oauth2/login"
        with urllib.request.urlopen(url, form, timeout=PATIENCE) as answer:
            account = json.load(answer)
        return account["id"], account["password"]

    def certificate(self):
        """The certificate that it has made for itself."""
        address = ("127.0.0.1", self.ports["xmpps"])
        return ssl.get_server_certificate(address, timeout=PATIENCE)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def prepare(server, folder):
    """Tells the tests where the server is and who they are."""
    certificate = f"{folder}/certificate.pem"
    Path(certificate).write_text(server.certificate())
    os.environ["SSL_CERT_FILE"] = certificate
    for number in ("1", "2"):
        user, password = server.account(f"account {number}")
        os.environ[f"CI_ACCOUNT{number}"] = f"{user}@{DOMAIN}"
        os.environ[f"CI_ACCOUNT{number}_PASSWORD"] = password
    os.environ["CI_MUC_SERVER"] = f"c.{DOMAIN}"

    from slixmpp import ClientXMPP

    begin = ClientXMPP.__init__

    def begin_at_our_port(self, *arguments, **named):
        begin(self, *arguments, **named)
        self.default_port = server.ports["xmpp"]

    ClientXMPP.__init__ = begin_at_our_port


def tests_of(package, ports):
    """All tests; where they name the ports of the standard, they name ours."""
    loader = unittest.TestLoader()
    for path in sorted((package / "itests").glob("test_*.py")):
        source = path.read_text()
        source = source.replace("5222", str(ports["xmpp"])).replace("5223", str(ports["xmpps"]))
        module = types.ModuleType(path.stem)
        exec(compile(source, str(path), "exec"), module.__dict__)
        for group in loader.loadTestsFromModule(module):
            yield from group


def run(test, patience):
    """How a test ends: `passed`, `failed` or `skipped`, and what it has to say about that."""
    from slixmpp.xmlstream import XMLStream

    defaults = XMLStream.wait_until.__defaults__
    XMLStream.wait_until.__defaults__ = (patience,)
    result = unittest.TestResult()
    test.run(result)
    XMLStream.wait_until.__defaults__ = defaults
    for outcome, told in (
        ("failed", [text for _, text in result.failures + result.errors]),
        ("skipped", [reason for _, reason in result.skipped]),
    ):
        if told:
            return outcome, told[0]
    return "passed", ""


def main(program, package, docs, *wanted):
    # One that is skipped is not offered either: nothing here shows that it is.
    not_offered = set(re.findall(r"^\| `(test_[\w.]+)` \|", Path(docs).read_text(), re.M))
    counts = {"passed": 0, "not offered": 0}
    surprises = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(program, folder)
        try:
            prepare(server, folder)
            seen = set()
            for test in tests_of(Path(package), server.ports):
                name = test.id()
                seen.add(name)
                if wanted and not any(part in name for part in wanted):
                    continue
                expected = name not in not_offered
                outcome, told = run(test, PATIENCE if expected else IMPATIENCE)
                if outcome == "passed" and not expected:
                    surprises.append(f"{name} passes: take it out of {docs}")
                elif outcome != "passed" and expected:
                    surprises.append(f"{name} {outcome}: {told}")
                shown = outcome if expected else "not offered"
                counts[shown] = counts.get(shown, 0) + 1
                print(f"{shown} {name}", flush=True)
            surprises += [f"{name} does not exist" for name in sorted(not_offered - seen)]
        finally:
            server.stop()
        if surprises:
            surprises.append(server.complaints())
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    if surprises or not counts["passed"]:
        raise SystemExit("\n".join(surprises))


warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
main(*sys.argv[1:])
