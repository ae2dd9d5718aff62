// Chrome or Chromium is found on the machine (see tests/support/browser.ts); npm downloads none.
module.exports = { skipDownload: true };
