// Starts the page: language, theme, session, then the view that the address names.
import * as router from "./core/router.js";
import { startChoosers } from "./core/choosers.js";
import { loadLanguage } from "./core/i18n.js";
import { startSession } from "./core/session.js";
import { redrawSignIn, signInFirst, startSignIn } from "./views/sign-in.js";

await loadLanguage(document.documentElement.lang);
startChoosers(() => { if (!redrawSignIn()) router.refresh(); });
startSignIn(router.refresh);
// What the server asks for is known before a view asks it for data.
await startSession();
await signInFirst();
router.start();
