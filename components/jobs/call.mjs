// Calls a URL by GET until it answers with a 2xx, and ends with 1 when it never does. Runs in a pod, as it is, under Node.
const {
  CALL_URL: url,
  CALL_TIMEOUT_SECONDS,
  CALL_RETRIES,
  CALL_PAUSE_SECONDS,
  CALL_LONGEST_PAUSE_SECONDS,
} = process.env;
const attempts = Number(CALL_RETRIES) + 1;

/** What came of one call: undefined when it was answered with a 2xx, else the reason. */
async function call() {
  // A redirect is an answer like any other that is no 2xx: the job was told this URL and no other.
  const answer = await fetch(url, {
    redirect: "manual",
    signal: AbortSignal.timeout(Number(CALL_TIMEOUT_SECONDS) * 1000),
  });
  // A body that breaks off is a failure too.
  await answer.arrayBuffer();
  return answer;
}

function reason(error) {
  if (error.name === "TimeoutError") return `no answer within ${CALL_TIMEOUT_SECONDS} s`;
  return error.cause?.code ?? error.cause?.message ?? error.message;
}

for (let attempt = 1; ; attempt++) {
  const began = performance.now();
  const outcome = await call().then(
    ({ ok, status }) => ({ ok, text: String(status) }),
    (error) => ({ ok: false, text: reason(error) }),
  );
  const milliseconds = Math.round(performance.now() - began);
  console.log(`GET ${url} attempt ${attempt} of ${attempts}: ${outcome.text} after ${milliseconds} ms`);
  if (outcome.ok) break;
  if (attempt === attempts) {
    process.exitCode = 1;
    break;
  }
  const pause = Math.min(Number(CALL_PAUSE_SECONDS) * 2 ** (attempt - 1), Number(CALL_LONGEST_PAUSE_SECONDS));
  await new Promise((resolve) => setTimeout(resolve, pause * 1000));
}
