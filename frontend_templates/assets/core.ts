// The one script of every page: htmx, theme, menus, dialogs, local times, and the islands on demand.
import "./css/main.css";
import { startCopy } from "./lib/copy";
import { startDialogs } from "./lib/dialogs";
import { startForms } from "./lib/forms";
import { startHtmx } from "./lib/htmx";
import { loadIslands } from "./lib/islands";
import { startKeys } from "./lib/keys";
import { startMenus } from "./lib/menus";
import { markScrollers, startScrollers } from "./lib/scrollers";
import { localTimes } from "./lib/times";
import { startTheme } from "./lib/theme";

import { startShares } from "./lib/shares";
function upgrade(root: ParentNode): void {
  localTimes(root);
  loadIslands(root);
  markScrollers(root);
}

startTheme();
startMenus();
startDialogs();
startCopy();
startForms();
startKeys();
startScrollers();
startHtmx(upgrade);
upgrade(document);
startShares();
startTicks();
startSamples();
