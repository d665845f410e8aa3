// JOSE operations by npm's jose, for test_npm_jose.py: one JSON request a line on
// standard input, one JSON answer a line on standard output.
import { createInterface } from "node:readline";
import * as jose from "jose";

const own = new Map(); // private keys by name

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64url"));
const text = (data) => Buffer.from(data).toString("base64url");

async function publicOf(name) {
  const { publicKey } = own.get(name);
  const jwk = await jose.exportJWK(publicKey);
  return { ...jwk, kid: await jose.calculateJwkThumbprint(jwk) };
}

const verbs = {
  // A key pair that fits alg; its public JWK.
  async generate({ name, alg, crv }) {
    if (!own.has(name)) own.set(name, await jose.generateKeyPair(alg, { crv, extractable: true }));
    return publicOf(name);
  },
  async sign({ name, alg, payload }) {
    const { kid } = await publicOf(name);
    return new jose.CompactSign(bytes(payload))
      .setProtectedHeader({ alg, kid })
      .sign(own.get(name).privateKey);
  },
  async verify({ token, jwks, alg }) {
    const keys = jose.createLocalJWKSet(jwks);
    const { payload, protectedHeader } = await jose.compactVerify(token, keys, {
      algorithms: [alg],
    });
    return { payload: text(payload), header: protectedHeader };
  },
  async encrypt({ jwk, alg, enc, payload, apu, apv }) {
    const sealer = new jose.CompactEncrypt(bytes(payload)).setProtectedHeader({
      alg,
      enc,
      ...(jwk.kid && { kid: jwk.kid }),
    });
    if (apu || apv) sealer.setKeyManagementParameters({ apu: bytes(apu), apv: bytes(apv) });
    return sealer.encrypt(await jose.importJWK(jwk, alg));
  },
  async decrypt({ name, token, alg, enc }) {
    const { plaintext, protectedHeader } = await jose.compactDecrypt(
      token,
      own.get(name).privateKey,
      { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] },
    );
    return { payload: text(plaintext), header: protectedHeader };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, ...request } = JSON.parse(line);
  let answer;
  try {
    answer = { result: await verbs[verb](request) };
  } catch (error) {
    answer = { error: `${error.code ?? error.name}: ${error.message}` };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
