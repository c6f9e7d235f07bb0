// ==UserScript==
// @name         Send to Pilothouse
// @description  Adds a button to issue pages of Gitea, Forgejo, GitHub and GitLab that opens the issue as a new task.
// @version      1.0.0
// @license      AGPL-3.0-or-later
// @match        *://*/*/*/issues/*
// @match        *://*/*/-/issues/*
// @match        *://*/*/-/work_items/*
// @grant        none
// @run-at       document-idle
// ==/UserScript==

// Builds `pilothouse://new?issue=…&prompt=…` from what the page shows. It sends
// nothing anywhere: the link opens the filled-in form in the app, and a person
// files the task.

(function () {
  "use strict";

  /** Some systems cut links that are longer; the app can read the issue itself. */
  const LONGEST_LINK = 8000;
  const ISSUE_PATH = /^(.*\/(?:-\/)?(?:issues|work_items)\/\d+)(?:\/.*)?$/;

  /** Where each forge shows an issue's title and its first text. */
  const PAGES = [
    {
      name: "gitea",
      is: (page) =>
        page.querySelector("#issue-title, .issue-title") &&
        page.querySelector(".repository.issue, .issue-content"),
      title: [
        ".issue-title h1 .issue-title-display",
        "#issue-title-display h1",
        "#issue-title",
        ".issue-title h1",
      ],
      text: [
        ".timeline-item.comment.first .raw-content",
        ".timeline .comment .raw-content",
        ".timeline .comment .render-content",
      ],
    },
    {
      name: "gitlab",
      is: (page) =>
        page.querySelector(
          'meta[content="GitLab"], [data-testid="description-content"], [data-testid="work-item-title"]',
        ),
      title: [
        '[data-testid="issue-title"]',
        '[data-testid="work-item-title"]',
        "h1.title",
        "h1",
      ],
      text: [
        '[data-testid="description-content"] textarea',
        '[data-testid="work-item-description"]',
        ".description .md",
      ],
    },
    {
      name: "github",
      is: (page) =>
        page.querySelector(
          'meta[content="GitHub"], [data-testid="issue-title"], .js-issue-title',
        ),
      title: [
        'bdi[data-testid="issue-title"]',
        '[data-testid="issue-title"]',
        ".js-issue-title",
      ],
      text: [
        '[data-testid="issue-body"] .markdown-body',
        ".js-comment-body",
        ".comment-body",
      ],
    },
  ];

  function first(page, selectors) {
    for (const selector of selectors) {
      const found = page.querySelector(selector);
      const text =
        found &&
        (found.value || found.textContent || "")
          .replace(/[ \t]+\n/g, "\n")
          .trim();
      if (text) return text;
    }
    return "";
  }

  /** The issue that a page shows; null if it shows none. */
  function readIssue(page, address) {
    const url = new URL(address);
    const path = ISSUE_PATH.exec(url.pathname);
    const kind = PAGES.find((one) => one.is(page));
    if (!path || !kind || !/^https?:$/.test(url.protocol)) return null;
    const number = /\d+$/.exec(path[1])[0];
    const title = first(page, kind.title)
      .replace(/\s+/g, " ")
      .replace(new RegExp(`\\s*#${number}$`), "");
    return {
      forge: kind.name,
      link: url.origin + path[1],
      title,
      text: first(page, kind.text),
    };
  }

  /** The link that opens it as a new task. */
  function linkFor(issue) {
    const link = (text) =>
      `pilothouse://new?issue=${encodeURIComponent(issue.link)}&prompt=${encodeURIComponent(text)}`;
    const whole = [
      issue.title && `# ${issue.title}`,
      issue.text,
      `Issue: ${issue.link}`,
    ]
      .filter(Boolean)
      .join("\n\n");
    if (link(whole).length <= LONGEST_LINK) return link(whole);
    const short = [
      issue.title && `# ${issue.title.slice(0, 500)}`,
      `Issue: ${issue.link}`,
    ]
      .filter(Boolean)
      .join("\n\n");
    return link(short);
  }

  /** Puts the button beside the page's own; once. */
  function addButton(page, address) {
    const issue = readIssue(page, address);
    const before = page.getElementById("send-to-pilothouse");
    if (!issue) {
      if (before) before.remove();
      return null;
    }
    const button = before || page.createElement("a");
    button.id = "send-to-pilothouse";
    button.textContent = "Send to Pilothouse";
    button.href = linkFor(issue);
    button.style.cssText =
      "position:fixed;right:16px;bottom:16px;z-index:9999;padding:8px 12px;border-radius:6px;" +
      "background:#2563eb;color:#fff;font:500 13px system-ui,sans-serif;text-decoration:none";
    if (!before) page.body.append(button);
    return button;
  }

  if (typeof module === "object" && module.exports) {
    module.exports = { readIssue, linkFor, addButton };
    return;
  }
  const show = () => addButton(document, location.href);
  show();
  // GitHub and GitLab change pages without loading them.
  let seen = location.href;
  setInterval(() => {
    if (location.href === seen && document.getElementById("send-to-pilothouse"))
      return;
    seen = location.href;
    show();
  }, 1500);
})();
