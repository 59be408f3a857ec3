"use strict";
// A little script of our own. Every page works without it.

// Approvals

// Users

// Apps

// Rules

// Activity

// Imports
