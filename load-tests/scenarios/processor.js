'use strict';

// Chooses the links of each request, and writes down what became of it.
//
//   LINKRELAY_LINK      one link for all; without it, each is to a video of its own
//   LINKRELAY_ANSWERS   a file; each request that ends adds a JSON line (../src/comparison/artillery.rs)

const crypto = require('node:crypto');
const fs = require('node:fs');
const { performance } = require('node:perf_hooks');

const fixedLink = process.env.LINKRELAY_LINK;
const answersFile = process.env.LINKRELAY_ANSWERS;

// Each worker thread loads this file for itself, so each has a name and a count of its own.
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const run = Array.from({ length: 5 }, () => ALPHABET[crypto.randomInt(ALPHABET.length)]).join('');
let linksTotal = 0;

// Links that no document can come of: no address, not YouTube, not a video.
const BAD_LINKS = [
  'not a link',
  'https://example.com/watch?v=5fR9AHlSDtc',
  'https://www.youtube.com/watch?v=short',
];

// The same as in ../src/comparison/links.rs.
function nextLink(badPercent) {
  const number = linksTotal;
  linksTotal += 1;
  if ((number * 37) % 100 < badPercent) {
    return BAD_LINKS[number % BAD_LINKS.length];
  }
  return fixedLink || `https://www.youtube.com/watch?v=L${run}${String(number).padStart(5, '0')}`;
}

function chooseLinks(request, context, _events, done) {
  const { links_per_request: count, bad_percent: badPercent } = context.vars;
  const links = Array.from({ length: count }, () => nextLink(badPercent));
  request.json = { links: count === 1 ? links[0] : links };
  context.vars.sent = { links, at_ms: Date.now(), begun: performance.now(), noted: false };
  return done();
}

function noteAnswer(_request, response, context, _events, done) {
  note(context, { status: response.statusCode, answer: response.body });
  return done();
}

function noteError(error, _request, context, _events, done) {
  note(context, { error: error.code || error.message });
  return done();
}

// Artillery tells of some errors twice.
function note(context, ended) {
  const { sent } = context.vars;
  if (!answersFile || !sent || sent.noted) {
    return;
  }
  sent.noted = true;
  const { links, at_ms, begun } = sent;
  const line = { links, at_ms, took_ms: performance.now() - begun, ...ended };
  fs.appendFileSync(answersFile, `${JSON.stringify(line)}\n`);
}

module.exports = { chooseLinks, noteAnswer, noteError };
