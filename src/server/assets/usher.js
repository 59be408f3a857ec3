"use strict";
// A little script of our own. Every page works without it.

// Approvals

// Users

// Apps

// Rules
// Line numbers beside the editor, which scroll with it; those of lines that are wrong stand out, and the way to them leads into the text.
for (const code of document.querySelectorAll("[data-editor]")) {
    const text = code.querySelector("textarea");
    const gutter = document.createElement("pre");
    gutter.className = "gutter";
    gutter.setAttribute("aria-hidden", "true");
    code.prepend(gutter);
    const places = [...document.querySelectorAll(".mistakes [data-line]")].filter(
        (link) => new URL(link.href).pathname === location.pathname && Number(link.dataset.line) > 0,
    );
    const wrong = new Set(places.map((link) => Number(link.dataset.line)));
    let shown = 0;
    const number = () => {
        const lines = text.value.split("\n").length;
        if (lines === shown) return;
        shown = lines;
        gutter.replaceChildren(
            ...Array.from({ length: lines }, (_, index) => {
                const line = document.createElement("div");
                line.textContent = String(index + 1);
                if (wrong.has(index + 1)) line.className = "wrong";
                return line;
            }),
        );
    };
    const follow = () => { gutter.scrollTop = text.scrollTop; };
    const fit = () => { gutter.style.maxHeight = `${text.offsetHeight}px`; follow(); };
    text.addEventListener("input", () => { number(); follow(); });
    text.addEventListener("scroll", follow);
    new ResizeObserver(fit).observe(text);
    for (const link of places) {
        link.addEventListener("click", (event) => {
            event.preventDefault();
            const before = text.value.split("\n").slice(0, Number(link.dataset.line) - 1);
            const start = before.reduce((sum, line) => sum + line.length + 1, 0);
            const at = start + Math.max(0, Number(link.dataset.column) - 1);
            text.focus();
            text.setSelectionRange(at, at);
            text.scrollTop = Math.max(0, before.length - 5) * parseFloat(getComputedStyle(text).lineHeight);
        });
    }
    number();
    fit();
    // What was typed is not lost by going elsewhere.
    const began = text.value;
    let sent = false;
    text.form.addEventListener("submit", () => { sent = true; });
    addEventListener("beforeunload", (event) => { if (!sent && text.value !== began) event.preventDefault(); });
}

// Activity

// Imports
// Files that are too large are told before they are sent.
for (const form of document.querySelectorAll("form[data-bytes-max]")) {
    const told = form.querySelector("[data-told]");
    const files = form.querySelector("input[type=file]");
    const most = Number(form.dataset.bytesMax);
    const large = () => {
        const bytes = [...files.files].reduce((sum, file) => sum + file.size, 0);
        told.hidden = bytes <= most;
        told.textContent = told.hidden ? "" : `These files have ${Math.ceil(bytes / 1048576)} MiB together; the most is ${most / 1048576} MiB.`;
        return !told.hidden;
    };
    files.addEventListener("change", large);
    form.addEventListener("submit", (event) => { if (large()) event.preventDefault(); });
}
