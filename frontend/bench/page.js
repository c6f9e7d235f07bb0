// Stop watches inside of the page: when an answer of the hub was there, when
// something was painted, how long frames took.

/** Run in the page before anything else. */
export function install() {
  const watch = { answers: [], frames: [] };
  window.__bench = watch;

  const original = window.fetch;
  window.fetch = async (...args) => {
    const from = performance.now();
    const response = await original(...args);
    const text = response.text.bind(response);
    response.text = async () => {
      const body = await text();
      const path = new URL(response.url).pathname;
      watch.answers.push({ path, from, at: performance.now(), bytes: body.length });
      return body;
    };
    return response;
  };

  /** Resolves when a selector (and text within) is there and two frames have passed. */
  watch.painted = (selector, text) =>
    new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`never seen: ${selector} ${text ?? ""}`)), 20_000);
      const there = () =>
        [...document.querySelectorAll(selector)].some(
          (node) => text === undefined || node.textContent.includes(text),
        );
      const done = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now()), 0));
      if (there()) return void done();
      const observer = new MutationObserver(() => {
        if (!there()) return;
        observer.disconnect();
        done();
      });
      observer.observe(document.documentElement, { subtree: true, childList: true, characterData: true });
    });

  /** The last answer to a path that ends so. */
  watch.answer = (end) => watch.answers.findLast((answer) => answer.path.endsWith(end));

  /** Times of all frames until it is stopped. */
  watch.record = () => {
    watch.frames = [];
    let on = true;
    let before = performance.now();
    const next = (now) => {
      watch.frames.push(now - before);
      before = now;
      if (on) requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
    return () => (on = false);
  };
}

export function summary(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { count: sorted.length, median: at(0.5), p95: at(0.95), worst: at(1) };
}

export function frames(numbers) {
  const total = numbers.reduce((sum, ms) => sum + ms, 0);
  const late = numbers.filter((ms) => ms > 25).length;
  return {
    per_second: round((numbers.length / total) * 1000),
    late_share: round(late / Math.max(1, numbers.length), 3),
    ...summary(numbers),
  };
}

export function round(number, digits = 1) {
  return Number(number.toFixed(digits));
}
