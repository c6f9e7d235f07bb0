// What is measured: a log of a million lines, a change of ten thousand files
// and one of a file of 400,000 lines, and forty logs that are being written.
// Each is a task of the scripted agent on a project of the hub, found by its
// title or filed once.

export const LINES = 1_000_000;
export const FILES = 10_000;
export const FILE_LINES = 400_000;
const LIVE = 40;
const RATE = 50;
const READY_MS = 10 * 60_000;

const SCRIPTS = {
  "bench: a million lines": `print ${LINES} a line of some build that goes on and on\nwrite done.txt done`,
  "bench: ten thousand files": [
    `run i=0; while [ $i -lt 100 ]; do mkdir -p many/d$i; j=0; while [ $j -lt ${FILES / 100} ]; do printf 'one\\ntwo\\n' > many/d$i/f$j.ts; j=$((j+1)); done; i=$((i+1)); done`,
  ].join("\n"),
  "bench: one huge file": `run seq -f 'line %.0f of a huge file' ${FILE_LINES} > huge.txt`,
};

export class Hub {
  constructor(url, token, project) {
    this.url = url.replace(/\/$/, "");
    this.token = token;
    this.project = project;
  }

  async call(path, body) {
    const headers = { authorization: `Bearer ${this.token}`, "content-type": "application/json" };
    const init = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** Tasks that are over, by what they are for; filed if they are not there. */
  async finished() {
    const ids = {};
    const tasks = await this.call("/api/tasks?limit=1000");
    for (const [title, prompt] of Object.entries(SCRIPTS)) {
      const known = tasks.find(
        (task) => task.title === title && OVER.has(task.state) && task.state !== "failed",
      );
      ids[title] = (known ?? (await this.file(title, prompt))).id;
    }
    for (const id of Object.values(ids)) await this.until(id, (task) => OVER.has(task.state));
    const [log, files, huge] = Object.values(ids);
    return { log, files, huge };
  }

  /** Forty runs that write; how many of them are at work depends on the runner. */
  async streaming() {
    const tasks = [];
    for (let number = 0; number < LIVE; number += 1) {
      tasks.push(await this.file(`bench: live ${number}`, `lines-per-second ${RATE} ${RATE * 600}`));
    }
    await this.until(tasks[0].id, (task) => task.state === "working" && task.phase === "agent_running");
    return tasks.map((task) => task.id);
  }

  async working(ids) {
    const tasks = await this.call("/api/tasks?limit=1000");
    return tasks.filter((task) => ids.includes(task.id) && task.state === "working").length;
  }

  async stop(ids) {
    for (const id of ids) await this.call(`/api/tasks/${id}/stop`, {}).catch(() => undefined);
  }

  file(title, prompt) {
    const limits = { agent_secs: 3600, setup_secs: 600, answer_secs: 600, stall_secs: 600 };
    const plain = { mode: "auto", on_timeout: "proceed", attachments: [], hold: false };
    return this.call("/api/tasks", {
      project: this.project,
      prompt,
      title,
      agent: "scripted",
      limits,
      ...plain,
    });
  }

  async until(id, ready) {
    for (const deadline = Date.now() + READY_MS; Date.now() < deadline;) {
      const task = await this.call(`/api/tasks/${id}`);
      if (ready(task)) return task;
      if (OVER.has(task.state))
        throw new Error(`task ${id} ended as ${task.state}: ${JSON.stringify(task.problem)}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error(`task ${id} was not ready in time`);
  }
}

const OVER = new Set(["published", "in_review", "merged", "closed", "no_change", "failed", "cancelled"]);
