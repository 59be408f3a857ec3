"use strict";
// A little script of our own. Every page works without it.

// Approvals

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
