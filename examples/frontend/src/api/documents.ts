/** The documents of the interview API, as its OpenAPI description has them. */

export type Language = "ko" | "en";
export type Level = "intern" | "junior" | "mid" | "senior";
export type Kind = "experience" | "skill" | "achievement" | "behaviour" | "role" | "follow-up";
export type State = "preparing" | "failed" | "asking" | "answered" | "reported";

export interface Range {
  low: number;
  high: number;
}

export interface Interviewer {
  name: string;
  hears: boolean;
  note: string;
}

export interface Options {
  levels: Level[];
  languages: Language[];
  kinds: Kind[];
  questions: Range;
  follow_ups: Range;
  resume: Range;
  answer: Range;
  personas: { key: string; title: string; description: string }[];
  criteria: { key: string; title: string; scores: string[] }[];
  interviewer: Interviewer;
  limits: { resume_bytes: number; audio_bytes: number; retention_days: number };
}

export interface Judgement {
  criterion: string;
  title: string;
  score: number;
  comment: string;
  evidence: string | null;
}

export interface Feedback {
  criteria: Judgement[];
  strengths: string[];
  improvements: string[];
  model_answer: string;
}

export interface Answer {
  text: string | null;
  spoken: boolean;
  feedback: Feedback | null;
  created_at: string;
}

export interface Question {
  id: number;
  kind: Kind;
  text: string;
  basis: string | null;
  follows: number | null;
  answer: Answer | null;
}

export interface Plan {
  summary: string;
  strengths: string[];
  gaps: string[];
}

export interface Task {
  id: string;
  kind: "ask" | "assess" | "report";
  subject: number;
  state: "waiting" | "running" | "parked" | "failed";
  problem: string | null;
}

interface Head {
  id: string;
  created_at: string;
  expires_at: string;
  role: string;
  level: Level;
  language: Language;
  state: State;
}

export interface Interview extends Head {
  persona: string;
  depth: number;
  interviewer: Interviewer;
  plan: Plan | null;
  questions: Question[];
  report: Omit<Report, "interview" | "answers"> | null;
  tasks: Task[];
}

export interface Summary extends Head {
  questions: number;
  answered: number;
}

export interface Report {
  interview: string;
  answers: number;
  overall: number;
  summary: string;
  criteria: Judgement[];
  strengths: string[];
  advice: string[];
}

export interface Version {
  version: string;
  git_sha: string;
  instance: string;
}
