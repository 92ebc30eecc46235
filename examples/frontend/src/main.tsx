import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./style/base.css";
import "./style/controls.css";
import "./style/views.css";

const root = document.getElementById("app");
if (root) createRoot(root).render(<App />);
