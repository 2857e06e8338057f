"""Logging in with slixmpp by each mechanism, without and with TLS. Arguments: port, user id,
password. Prints `ok`."""

import asyncio
import ssl
import sys
import warnings

import slixmpp

warnings.simplefilter("ignore")
PATIENCE = 60
DOMAIN = "dface.cn"
TOKEN = "2" + "0f" * 32


async def opens(port, user, password, mechanism, tls):
    """Whether this password logs somebody in by this mechanism."""
    client = slixmpp.ClientXMPP(f"{user}@{DOMAIN}/{mechanism}", password, sasl_mech=mechanism)
    client.enable_direct_tls = False
    client.enable_starttls = tls
    client.enable_plaintext = not tls
    mechanisms = client["feature_mechanisms"]
    mechanisms.unencrypted_plain = mechanisms.unencrypted_scram = True
    client.ssl_context.check_hostname = False
    client.ssl_context.verify_mode = ssl.CERT_NONE
    outcome = asyncio.get_event_loop().create_future()

    def settle(opened):
        return lambda _: outcome.done() or outcome.set_result(opened)

    client.add_event_handler("session_start", settle(True))
    client.add_event_handler("failed_all_auth", settle(False))
    client.connect("127.0.0.1", port)
    opened = await asyncio.wait_for(outcome, PATIENCE)
    assert mechanisms.mech.name == mechanism, mechanisms.mech.name
    await asyncio.wait_for(client.disconnect(), PATIENCE)
    return opened


async def logins(port, user, password):
    wrong = "0123456789abcdef"
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
        for tls in (False, True):
            asked = (mechanism, tls)
            assert await opens(port, user, password, *asked), asked
            assert not await opens(port, user, wrong, *asked), asked
        # Behind the password a push token is read by PLAIN only.
        opened = await opens(port, user, password + TOKEN, mechanism, False)
        assert opened == (mechanism == "PLAIN"), mechanism


asyncio.run(logins(int(sys.argv[1]), *sys.argv[2:]))
print("ok")
