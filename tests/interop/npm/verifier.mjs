// A relying party: verifies every token on standard input, a line each, with
// the keys of one JWK Set URL.  While nobody serves that URL it waits, a minute
// at most.  At the end of input prints what it counted.
import { createInterface } from "node:readline";
import { compactVerify, createRemoteJWKSet, decodeProtectedHeader, errors } from "jose";

const keys = createRemoteJWKSet(new URL(process.argv[2]),
	{ cooldownDuration: 300, cacheMaxAge: 5000, timeoutDuration: 3000 });
const count = { verified: 0, failed: 0, waits: 0, failures: [] };
const pause = ms => new Promise(done => setTimeout(done, ms));

// Nothing was fetched: no word of jose's about the token or its key.
function isOutage(error) {
	return error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError);
}

async function verify(token) {
	const until = Date.now() + 60_000;
	for (;;) {
		try {
			return await compactVerify(token, keys);
		} catch (error) {
			if (!isOutage(error) || Date.now() > until)
				throw error;
			count.waits++;
			await pause(200);
		}
	}
}

for await (const token of createInterface({ input: process.stdin })) {
	try {
		await verify(token);
		count.verified++;
	} catch (error) {
		count.failed++;
		if (count.failures.length < 10)
			count.failures.push(`${error.code ?? error} ${decodeProtectedHeader(token).kid}`);
	}
}
console.log(JSON.stringify(count));
