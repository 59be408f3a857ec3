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

// Activity

// Imports
