// <milepost-messages token="…"> shows an account's messages and lets people put them away.
// Text is only ever set as text; links lead to pages alone, of the product or of the web.
(() => {
  const home = new URL(".", document.currentScript.src);
  const STYLE = `:host { display: block; font: 15px/1.45 system-ui, sans-serif; color: #1d1d1b }
    article { position: relative; margin: 0 0 12px; padding: 14px 44px 14px 16px; background: #fff; border: 1px solid #d8d8d2; border-left: 4px solid #0b57d0; border-radius: 4px }
    h2 { margin: 0 0 4px; font-size: 16px } p { margin: 0 0 6px; white-space: pre-line } a { color: #0b57d0 }
    button { position: absolute; top: 8px; right: 8px; min-width: 28px; min-height: 28px; border: 0; background: none; font-size: 18px; cursor: pointer }
    button:focus-visible, a:focus-visible { outline: 2px solid #0b57d0; outline-offset: 2px }`;
  const made = (name, text) => Object.assign(document.createElement(name), { textContent: text });

  class Messages extends HTMLElement {
    connectedCallback() {
      if (!this.shadowRoot) this.attachShadow({ mode: "open" });
      this.look();
      this.timer = setInterval(() => document.hidden || this.look(), Number(this.getAttribute("every") || 60) * 1000);
    }
    disconnectedCallback() { clearInterval(this.timer); }
    address(rest) { return new URL(`in-app/${encodeURIComponent(this.getAttribute("token") || "")}${rest}`, home); }
    async look() {
      const answer = await fetch(this.address("")).catch(() => null);
      if (answer && answer.ok) this.show((await answer.json()).data);
    }
    say(message, what) { return fetch(this.address(`/${message.key}/${what}`), { method: "POST" }).catch(() => null); }
    show(messages) {
      // Drawn anew only when something changed: who stands on a button stays there.
      const keys = messages.map((message) => message.key).join();
      if (keys === this.keys) return;
      this.keys = keys;
      const list = made("section", "");
      list.setAttribute("aria-live", "polite");
      list.setAttribute("aria-label", "Messages");
      for (const message of messages) {
        const box = made("article", "");
        box.append(made("h2", message.title), made("p", message.text));
        if (/^(https?:\/\/|\/(?![/\\]))/i.test(message.link)) box.append(Object.assign(made("a", "Show me"), { href: message.link }));
        const close = made("button", "×");
        close.setAttribute("aria-label", `Put away: ${message.title}`);
        close.addEventListener("click", async () => { await this.say(message, "dismissed"); box.remove(); this.keys = null; });
        box.append(close);
        list.append(box);
        if (!message.seen_at) this.say(message, "seen");
      }
      this.shadowRoot.replaceChildren(made("style", STYLE), list);
    }
  }
  customElements.define("milepost-messages", Messages);
})();
