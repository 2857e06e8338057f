// Two people in a real browser, with strophe.js, a client that others wrote: they find the server,
// log in over a WebSocket, chat, are away for a while, meet in a room, and read what was said.
// Arguments: folder of the packages, address of the server, shop id, and the ids and passwords of
// the two. Prints `ok`.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";

const [packages, base, shop, anaId, anaPassword, boId, boPassword] = process.argv.slice(2);
const DOMAIN = "dface.cn";
const PATIENCE = 60_000;

const require = createRequire(path.join(packages, "package.json"));
const puppeteer = require("puppeteer-core");
const strophe = await readFile(
  path.join(packages, "node_modules/strophe.js/dist/strophe.umd.min.js"),
  "utf8",
);

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--ignore-certificate-errors",
  ],
});

/** A page of its own, from elsewhere, as any web shop of a partner would be. */
class Person {
  static async come(id, password) {
    const person = new Person();
    person.context = await browser.createBrowserContext();
    person.page = await person.context.newPage();
    person.page.on("pageerror", (error) => fail(error));
    await person.page.setContent("<!doctype html><title>a page of somebody else</title>");
    await person.page.addScriptTag({ content: strophe });
    await person.page.evaluate(logIn, base, `${id}@${DOMAIN}/page`, password);
    return person;
  }

  async sends(xml) {
    await this.page.evaluate((xml) => window.send(xml), xml);
  }

  /** The first stanza that has not been looked at and contains all of these. */
  async hears(...parts) {
    const found = await this.page.waitForFunction(
      (parts) => {
        const at = window.heard.findIndex((text) => parts.every((part) => text.includes(part)));
        return at < 0 ? undefined : window.heard.splice(at, 1)[0];
      },
      { timeout: PATIENCE, polling: 50 },
      parts,
    );
    return found.jsonValue();
  }

  async goes() {
    await this.page.evaluate(() => window.goes());
    await this.context.close();
  }

  /** As when somebody closes the lid. */
  async vanishes() {
    await this.context.close();
  }
}

/** In the page: finds the door and logs in. */
async function logIn(base, jid, password) {
  const meta = await fetch(`${base}/.well-known/host-meta.json`);
  const door = (await meta.json()).links.find(
    (link) => link.rel === "urn:xmpp:alt-connections:websocket",
  );
  window.heard = [];
  const connection = new Strophe.Connection(door.href);
  window.send = (xml) => {
    const stanza = new DOMParser().parseFromString(xml, "text/xml").documentElement;
    connection.send(stanza);
  };
  connection.addHandler((stanza) => {
    window.heard.push(new XMLSerializer().serializeToString(stanza));
    return true;
  });
  await new Promise((resolve, reject) => {
    connection.connect(jid, password, (status, condition) => {
      if (status === Strophe.Status.CONNECTED) resolve();
      const { AUTHFAIL, CONNFAIL, DISCONNECTED, ERROR } = Strophe.Status;
      const ended = [AUTHFAIL, CONNFAIL, DISCONNECTED, ERROR].includes(status);
      if (ended) reject(new Error(`no login: ${status} ${condition}`));
    });
  });
  window.goes = () =>
    new Promise((resolve) => {
      connection.connect_callback = (status) => {
        if (status === Strophe.Status.DISCONNECTED) resolve();
      };
      connection.flush();
      connection.disconnect();
    });
  connection.send($pres());
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

const is = (condition, what) => condition || fail(new Error(what));
const C = "xmlns='jabber:client'";
const room = `${shop}@c.${DOMAIN}`;

const ana = await Person.come(anaId, anaPassword);
let bo = await Person.come(boId, boPassword);

// To each other, word for word.
const body = "你好 &lt;&amp;&gt; 🌊\nsecond line";
await ana.sends(
  `<message ${C} type='chat' id='1' to='${boId}@${DOMAIN}'><body>${body}</body></message>`,
);
const heard = await bo.hears("<message", "<body>");
is(heard.includes(`<body>${body}</body>`), heard);
is(heard.includes(`from="${anaId}@${DOMAIN}/page"`), heard);

// One is away for a while, having left without a word.
await bo.vanishes();
for (const n of [1, 2, 3]) {
  await ana.sends(
    `<message ${C} type='chat' id='away-${n}' to='${boId}@${DOMAIN}'><body>away ${n}</body></message>`,
  );
}
await ana.sends(`<iq ${C} type='get' id='ping' to='${DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>`);
await ana.hears('id="ping"', 'type="result"');
bo = await Person.come(boId, boPassword);
for (const n of [1, 2, 3]) {
  const late = await bo.hears("<message", "away");
  is(late.includes(`<body>away ${n}</body>`) && late.includes("urn:xmpp:delay"), late);
}

// In the room of a shop.
for (const [person, id] of [[ana, anaId], [bo, boId]]) {
  await person.sends(
    `<presence ${C} to='${room}/${id}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
  );
  await person.hears("<presence", 'code="110"');
}
await bo.sends(`<message ${C} type='groupchat' id='r' to='${room}'><body>in the room</body></message>`);
for (const person of [ana, bo]) {
  const said = await person.hears("<body>in the room</body>");
  is(said.includes(`from="${room}/${boId}"`), said);
}

// What was said is in the archive.
await bo.sends(`<iq ${C} type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>`);
await bo.hears("forwarded", "<body>away 3</body>");
await bo.hears('id="mam"', "<fin");

await ana.goes();
await bo.goes();
await browser.close();
console.log("ok");
