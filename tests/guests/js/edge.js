// A tool plugin that tries what it was not given; each tool is one attempt. Built without stubbing WASI.
import * as clock from "tark:plugin/clock";
import * as random from "tark:plugin/random";
import * as environment from "wasi:cli/environment@0.2.0";
import * as preopens from "wasi:filesystem/preopens@0.2.0";
import * as wasiRandom from "wasi:random/random@0.2.0";
import * as network from "wasi:sockets/instance-network@0.2.0";
import * as lookup from "wasi:sockets/ip-name-lookup@0.2.0";
import * as tcp from "wasi:sockets/tcp-create-socket@0.2.0";
import * as udp from "wasi:sockets/udp-create-socket@0.2.0";

const loopback = (port) => ({ tag: "ipv4", val: { port, address: [127, 0, 0, 1] } });

const ATTEMPTS = {
  // what fails
  console: () => console.log("hello"),
  evaluate: () => eval("fetch('http://127.0.0.1/')"),
  process: () => process.env,
  folders() {
    const found = preopens.getDirectories();
    if (!found.length) throw new Error("no folder was given");
    return found.map(([, name]) => name);
  },
  names() {
    const found = lookup.resolveAddresses(network.instanceNetwork(), "localhost");
    return typeof found.resolveNextAddress();
  },
  connect: ({ port }) => tcp.createTcpSocket("ipv4").startConnect(network.instanceNetwork(), loopback(port)),
  bind: () => udp.createUdpSocket("ipv4").startBind(network.instanceNetwork(), loopback(0)),
  // what is empty
  environment: () => [environment.getEnvironment(), environment.getArguments(), environment.initialCwd() ?? null],
  // what works
  time: () => [Date.now(), Number(clock.now())],
  passing() {
    const [first, monotonic] = [performance.now(), clock.monotonic()];
    while (performance.now() - first < 20);
    return Math.max(performance.now() - first, Number(clock.monotonic() - monotonic)) / 1000;
  },
  // Math.random is no use: its seed is part of the built component
  secrets: () => [String(wasiRandom.getRandomU64()), [...random.bytes(8)].join(" ")],
};

export const toolPlugin = {
  getTools: () => Object.keys(ATTEMPTS).map((name) => ({ name, description: "", parametersSchema: "{}" })),
  getRiskLevel: () => "dangerous",
  execute(name, args) {
    if (name === "raise") throw new Error("bad text");
    try {
      return { success: true, output: JSON.stringify(ATTEMPTS[name](JSON.parse(args)) ?? null), error: undefined };
    } catch (e) {
      const why = e instanceof Error && e.payload === undefined ? `${e.name}: ${e.message}` : e?.payload ?? e;
      return { success: false, output: "", error: String(why) };
    }
  },
};
