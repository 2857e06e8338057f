"""A connection that breaks, with slixmpp's own stream management: the session is resumed, nothing is
lost and nothing comes twice. Arguments: port, and the ids and passwords of the two. Prints `ok`."""

import asyncio
import sys
import warnings

import slixmpp

warnings.simplefilter("ignore")
PATIENCE = 60
DOMAIN = "dface.cn"


class Person(slixmpp.ClientXMPP):
    """A client that keeps what it hears in a queue, and may resume its session."""

    def __init__(self, user, password):
        super().__init__(f"{user}@{DOMAIN}/phone", password)
        self.heard = asyncio.Queue()
        self.resumed = asyncio.Queue()
        for plugin in ("xep_0198", "xep_0199"):
            self.register_plugin(plugin)
        self.add_event_handler("message", self.heard.put_nowait)
        self.add_event_handler("session_resumed", self.resumed.put_nowait)
        self.enable_direct_tls = False
        self.enable_starttls = False
        self.enable_plaintext = True
        self["feature_mechanisms"].unencrypted_plain = True

    async def come(self, port):
        began = asyncio.get_event_loop().create_future()
        enabled = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", began.set_result, disposable=True)
        self.add_event_handler("sm_enabled", enabled.set_result, disposable=True)
        self.connect("127.0.0.1", port)
        await asyncio.wait_for(began, PATIENCE)
        await asyncio.wait_for(enabled, PATIENCE)
        self.send_presence()
        await self["xep_0199"].ping(DOMAIN, timeout=PATIENCE)

    async def hear(self):
        return await asyncio.wait_for(self.heard.get(), PATIENCE)


async def talk(port, ana_id, ana_password, bo_id, bo_password):
    ana = Person(ana_id, ana_password)
    bo = Person(bo_id, bo_password)
    await ana.come(port)
    await bo.come(port)

    def say(text):
        ana.send_message(mto=f"{bo_id}@{DOMAIN}", mbody=text, mtype="chat")

    said = 0
    for breaks in range(3):
        say(f"{said}")
        assert (await bo.hear())["body"] == f"{said}"
        said += 1
        # The wire is cut, in the middle of what comes.
        for number in range(said, said + 5):
            say(f"{number}")
        bo.transport.abort()
        for number in range(said + 5, said + 10):
            say(f"{number}")
        await ana["xep_0199"].ping(DOMAIN, timeout=PATIENCE)
        if bo.transport is None or bo.transport.is_closing():
            bo.connect("127.0.0.1", port)
        await asyncio.wait_for(bo.resumed.get(), PATIENCE)
        for number in range(said, said + 10):
            heard = await bo.hear()
            assert heard["body"] == f"{number}", (breaks, number, heard)
        said += 10
        # And back, on the session that was resumed.
        bo.send_message(mto=ana.boundjid.full, mbody=f"back {breaks}", mtype="chat")
        assert (await ana.hear())["body"] == f"back {breaks}"
    await bo["xep_0199"].ping(DOMAIN, timeout=PATIENCE)
    assert bo.heard.empty()
    await asyncio.wait_for(ana.disconnect(), PATIENCE)
    await asyncio.wait_for(bo.disconnect(), PATIENCE)


asyncio.run(talk(int(sys.argv[1]), *sys.argv[2:]))
print("ok")
