/** Line drawings of 24 by 24; what they mean is always said beside them. */
const PATHS = {
  plus: "M12 5v14M5 12h14",
  list: "M4 7h16M4 12h16M4 17h10",
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.900 4.9l1.400 1.4M17.700 17.7l1.400 1.4M2 12h2M20 12h2M4.900 19.1l1.400-1.4M17.700 6.3l1.400-1.4",
  dark: "M20 14.5A8.500 8.5 0 0 1 9.5 4a8.500 8.5 0 1 0 10.5 10.5z",
  upload: "M12 16V5M7 9.5L12 4.5l5 5M5 19.5h14",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  check: "M5 12.5l4.500 4.5L19 7.5",
  mic: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11.5a6 6 0 0 0 12 0M12 17.5V21",
  pen: "M4 20l1-4L16 5l3 3L8 19z",
  stop: "M7 7h10v10H7z",
  arrow: "M5 12h14M13 6l6 6-6 6",
  back: "M19 12H5M11 6l-6 6 6 6",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  warn: "M12 4L2.500 20h19zM12 10v4.500M12 17.2v.1",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5.500M12 7.7v.1",
  print: "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
  save: "M12 4v11M7 10.5l5 5 5-5M5 19.5h14",
  quote: "M9 7c-3 1-4.5 3.5-4.5 6.5V17H9v-4.5H6.500M19 7c-3 1-4.5 3.5-4.5 6.5V17H19v-4.5h-2.5",
  reply: "M10 6l-5 5 5 5M5 11h8a6 6 0 0 1 6 6v1",
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="symbol" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
