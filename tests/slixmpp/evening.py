"""Two people with slixmpp clients: they log in, with and without TLS, chat, are away for a while,
and meet in a room. Arguments: port, shop id, and the ids and passwords of the two. Prints `ok`."""

import asyncio
import ssl
import sys
import warnings

import slixmpp

warnings.simplefilter("ignore")
PATIENCE = 60
DOMAIN = "dface.cn"


class Person(slixmpp.ClientXMPP):
    """A client that keeps what it hears in a queue."""

    def __init__(self, user, password, resource):
        super().__init__(f"{user}@{DOMAIN}/{resource}", password)
        self.heard = asyncio.Queue()
        self.user = user
        for plugin in ("xep_0030", "xep_0045", "xep_0092", "xep_0184", "xep_0199", "xep_0203"):
            self.register_plugin(plugin)
        self.add_event_handler("message", self.heard.put_nowait)
        self.add_event_handler("groupchat_message", lambda _: None)

    async def come(self, port, tls):
        self.enable_direct_tls = False
        self.enable_starttls = tls
        self.enable_plaintext = not tls
        self["feature_mechanisms"].unencrypted_plain = True
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        began = asyncio.get_event_loop().create_future()

        def begin(_):
            if not began.done():
                began.set_result(None)

        def failed(stanza):
            if not began.done():
                began.set_exception(RuntimeError(f"no login: {stanza}"))

        self.add_event_handler("session_start", begin)
        self.add_event_handler("failed_all_auth", failed)
        self.connect("127.0.0.1", port)
        await asyncio.wait_for(began, PATIENCE)
        self.send_presence()
        await self.get_roster()

    async def hear(self):
        return await asyncio.wait_for(self.heard.get(), PATIENCE)

    async def go(self):
        await asyncio.wait_for(self.disconnect(), PATIENCE)


async def evening(port, shop, ana_id, ana_password, bo_id, bo_password):
    ana = Person(ana_id, ana_password, "phone")
    bo = Person(bo_id, bo_password + "2" + "0f" * 32, "tablet")
    await ana.come(port, tls=True)
    await bo.come(port, tls=False)

    # To each other, word for word; slixmpp asks for receipts and sends them by itself.
    receipts = asyncio.Queue()
    ana.add_event_handler("receipt_received", receipts.put_nowait)
    ana["xep_0184"].auto_request = True
    text = "你好 <&> 🌊\nsecond line"
    ana.send_message(mto=f"{bo_id}@{DOMAIN}", mbody=text, mtype="chat")
    heard = await bo.hear()
    assert heard["body"] == text, heard
    assert heard["from"].full == ana.boundjid.full, heard
    receipt = await asyncio.wait_for(receipts.get(), PATIENCE)
    assert receipt["receipt"] == heard["id"], receipt
    ana["xep_0184"].auto_request = False

    # What every client asks.
    await ana["xep_0199"].ping(DOMAIN, timeout=PATIENCE)
    await ana["xep_0199"].ping(bo.boundjid.full, timeout=PATIENCE)
    info = await ana["xep_0030"].get_info(jid=DOMAIN, timeout=PATIENCE)
    assert ("server", "im", None, "lianlian") in info["disco_info"]["identities"], info
    version = await ana["xep_0092"].get_version(DOMAIN)
    assert version["software_version"]["name"] == "lianlian", version

    # One is away for a while.
    await bo.go()
    for number in range(3):
        ana.send_message(mto=f"{bo_id}@{DOMAIN}", mbody=f"late {number}", mtype="chat")
    await ana["xep_0199"].ping(DOMAIN, timeout=PATIENCE)
    bo = Person(bo_id, bo_password, "tablet")
    await bo.come(port, tls=True)
    for number in range(3):
        heard = await bo.hear()
        assert heard["body"] == f"late {number}", heard
        assert heard["delay"]["stamp"] is not None, heard
    await bo["xep_0199"].ping(DOMAIN, timeout=PATIENCE)
    assert bo.heard.empty()

    # In the room of a shop, under one's id whatever one asked for.
    room = f"{shop}@c.{DOMAIN}"
    for person in (ana, bo):
        own, *_ = await person["xep_0045"].join_muc_wait(room, person.user, timeout=PATIENCE)
        assert own["from"].resource == person.user, own
    ana.send_message(mto=room, mbody="[摇一摇:Ana]", mtype="groupchat")
    for person in (ana, bo):
        heard = await person.hear()
        assert (heard["type"], heard["body"]) == ("groupchat", "[摇一摇:Ana]"), heard
        assert heard["from"] == f"{room}/{ana_id}", heard
    bo["xep_0045"].leave_muc(room, bo_id)
    await bo["xep_0199"].ping(DOMAIN, timeout=PATIENCE)
    again = bo["xep_0045"].join_muc_wait(room, bo_id, maxstanzas=5, timeout=PATIENCE)
    _, subject, _, history = await again
    assert [message["body"] for message in history] == ["[摇一摇:Ana]"], history
    assert subject["from"] == room, subject

    await ana.go()
    await bo.go()


asyncio.run(evening(int(sys.argv[1]), *sys.argv[2:]))
print("ok")
