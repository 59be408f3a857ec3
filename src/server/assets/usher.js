"use strict";
// A little script of our own. Every page works without it.

// Everywhere

/** Tables that scroll by themselves can be scrolled by keyboard. */
for (const wide of document.querySelectorAll(".wide:not([tabindex])")) {
    wide.tabIndex = 0;
}

// Approvals

/** Keys of the queue: move, tick, decide. */
(() => {
    // Parts of the page are replaced while it is open: nothing of the queue is held on to.
    const form = () => document.querySelector("#decisions");
    const keys = document.querySelector("dialog#keys");
    if (!keys) {
        return;
    }
    const cards = () => [...document.querySelectorAll("#decisions .event")];
    const pick = (card) => card.querySelector(".pick");
    const comment = () => document.querySelector("#comment");
    let at = null;
    let verdict = null;

    const mark = (card) => {
        document.querySelector(".event.at")?.classList.remove("at");
        at = card?.id ?? null;
        if (card) {
            card.classList.add("at");
            card.scrollIntoView({ block: "nearest" });
            pick(card).focus({ preventScroll: true });
        }
    };
    const marked = () => cards().find((card) => card.id === at);
    const move = (step) => {
        const all = cards();
        const now = all.findIndex((card) => card.id === at);
        const next = now < 0 ? 0 : Math.min(all.length - 1, Math.max(0, now + step));
        mark(all[next]);
    };
    const tickAll = () => {
        const picks = cards().map(pick);
        const all = picks.every((each) => each.checked);
        for (const each of picks) {
            each.checked = !all;
        }
    };
    /** Asks for the comment; Enter in it sends the decision. */
    const decide = (word) => {
        if (!cards().some((card) => pick(card).checked) && marked()) {
            pick(marked()).checked = true;
        }
        verdict = word;
        comment()?.focus();
    };
    const show = () => keys.showModal();

    document.querySelector("#show-keys")?.removeAttribute("hidden");
    document.querySelector("#show-keys")?.addEventListener("click", show);
    document.addEventListener("focusin", (event) => {
        const card = event.target.closest?.("#decisions .event");
        if (card && card.id !== at) {
            document.querySelector(".event.at")?.classList.remove("at");
            card.classList.add("at");
            at = card.id;
        }
    });
    document.addEventListener("keydown", (event) => {
        const typing = event.target.matches?.("input:not([type=checkbox]), textarea, select");
        if (event.target === comment()) {
            if (event.key === "Escape") {
                verdict = null;
                comment().blur();
                if (marked()) {
                    pick(marked()).focus();
                }
            } else if (event.key === "Enter" && verdict) {
                event.preventDefault();
                form().requestSubmit(form().querySelector(`button[value=${verdict}]`));
            }
            return;
        }
        if (typing || keys.open || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const act = {
            j: () => move(1),
            k: () => move(-1),
            x: () => { if (marked()) { pick(marked()).checked = !pick(marked()).checked; } },
            X: tickAll,
            a: () => decide("approve"),
            r: () => decide("reject"),
            o: () => { marked()?.querySelector("h3 a")?.click(); },
            "?": show,
        }[event.key];
        if (act && (event.key === "?" || form())) {
            event.preventDefault();
            act();
        }
    });
})();

// Users: `/` goes to the search of the page.
document.addEventListener("keydown", (event) => {
    const search = document.querySelector("[data-search]");
    const typing = event.target instanceof Element && event.target.closest("input, select, textarea, [contenteditable]");
    if (!search || typing || event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
    search.select();
});

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

// Live: parts marked with `data-live` are renewed when something changed, unless somebody works in them. A part is left alone while it
// holds the focus, an open <details>, a ticked box or typed text. Other scripts hear `usher:changed` and `usher:progress` on the document;
// an element with `data-progress="APP"` shows how far that app's cycle is.
(() => {
    const parts = () => document.querySelectorAll("[data-live][id]");
    const progress = (app) => document.querySelectorAll(`[data-progress="${CSS.escape(app)}"]`);
    if (!window.EventSource || !document.querySelector("[data-live], [data-progress]")) {
        return;
    }
    let source = null;
    let over = false;
    let renewing = false;
    let again = false;
    let soon = 0;

    const mark = document.createElement("p");
    mark.className = "live";
    mark.setAttribute("role", "status");
    document.body.append(mark);
    const say = (state, text) => {
        mark.dataset.state = state;
        mark.textContent = text;
    };

    const isBusy = (part) => {
        const active = document.activeElement;
        const typed = (field) =>
            field.type === "checkbox" || field.type === "radio"
                ? field.checked !== field.defaultChecked || (field.checked && field.type === "checkbox")
                : "defaultValue" in field && field.type !== "hidden" && field.value !== field.defaultValue;
        return (active && active !== document.body && part.contains(active))
            || part.matches("details[open]")
            || part.querySelector("details[open]") !== null
            || [...part.querySelectorAll("input, textarea")].some(typed);
    };

    const renew = async () => {
        if (over || document.hidden || parts().length === 0) {
            return;
        }
        if (renewing) {
            again = true;
            return;
        }
        renewing = true;
        try {
            const answer = await fetch(location.href, { headers: { "x-usher-live": "1" }, cache: "no-store" });
            if (!answer.ok || answer.redirected) {
                return;
            }
            const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
            for (const part of parts()) {
                const newer = fresh.getElementById(part.id);
                if (!newer || part.isEqualNode(newer)) {
                    continue;
                }
                if (isBusy(part)) {
                    part.dataset.stale = "";
                    continue;
                }
                part.replaceWith(document.importNode(newer, true));
            }
        } catch {
            // The stream says whether the server is there.
        } finally {
            renewing = false;
            if (again) {
                again = false;
                later();
            }
        }
    };

    // Many changes within a moment are one.
    const later = () => {
        clearTimeout(soon);
        soon = setTimeout(renew, 300);
    };

    const step = (told) => {
        for (const element of progress(told.app || "")) {
            element.textContent = told.total > 0 ? `${told.step}: ${told.done} of ${told.total}` : `${told.step}: ${told.done}`;
            element.hidden = false;
            clearTimeout(element.usherQuiet);
            element.usherQuiet = setTimeout(() => {
                element.hidden = true;
            }, 5000);
        }
    };

    const open = () => {
        if (source || over) {
            return;
        }
        source = new EventSource("/live");
        source.onopen = () => say("on", "live");
        source.onerror = () => {
            // Closed for good: the server would not have us. Otherwise the browser tries again by itself.
            const closed = source && source.readyState === EventSource.CLOSED;
            say("off", closed ? "not live: reload the page, or sign in again" : "not live: trying again");
        };
        source.addEventListener("changed", (message) => {
            document.dispatchEvent(new CustomEvent("usher:changed", { detail: JSON.parse(message.data) }));
            later();
        });
        source.addEventListener("progress", (message) => {
            const told = JSON.parse(message.data);
            step(told);
            document.dispatchEvent(new CustomEvent("usher:progress", { detail: told }));
        });
        source.addEventListener("ended", () => {
            over = true;
            close();
            say("off", "not live: you are signed out");
        });
    };

    const close = () => {
        if (source) {
            source.close();
            source = null;
        }
    };

    // A browser has few connections for a server: a page that nobody sees gives its own back, and catches up when it is seen again.
    document.addEventListener("visibilitychange", () => {
        if (document.hidden) {
            close();
        } else {
            open();
            later();
        }
    });
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => {
        if (event.persisted) {
            open();
            later();
        }
    });
    // What was left alone is renewed once nobody works in it any more.
    for (const name of ["focusout", "toggle", "change"]) {
        document.addEventListener(name, () => {
            if (document.querySelector("[data-stale]")) {
                later();
            }
        }, true);
    }
    if (!document.hidden) {
        open();
    }
})();
