// Markdown of people and agents as HTML that can do nothing: no scripts, no
// styles, no forms, and no picture from elsewhere (which would tell its server
// who reads). A picture becomes a link to it.

import DOMPurify from "dompurify";
import { Marked } from "marked";

const marked = new Marked({ gfm: true, breaks: true, async: false });

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

marked.use({
  renderer: {
    image({ href, text }) {
      return `<a href="${escaped(href)}">${escaped(text || href)}</a>`;
    },
  },
  // What looks like HTML is what somebody wrote, and is shown as written.
  tokenizer: { html: () => undefined, tag: () => undefined },
});

const ALLOWED_TAGS = [
  ..."a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i input kbd li ol p pre s strong sub sup".split(" "),
  ..."table tbody td th thead tr ul span".split(" "),
];

export function toHtml(text: string): string {
  const html = DOMPurify.sanitize(marked.parse(text) as string, {
    ALLOWED_TAGS,
    ALLOWED_ATTR: ["href", "title", "class", "start", "align", "type", "checked", "disabled"],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  });
  return html.replaceAll("<table>", '<div class="wide"><table>').replaceAll("</table>", "</table></div>");
}
