/** What can go wrong between the page and the service. */

export interface FieldError {
  field: string;
  problem: string;
  remedy: string;
}

/** A refusal by the service: a problem document (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** The last part of its `type`; `unknown` where the answer was no problem document. */
    readonly code: string,
    readonly detail: string,
    readonly title: string,
    readonly errors: FieldError[] = [],
    /** The language of its texts. */
    readonly language: string = "",
    /** Seconds after which it may be asked again; null where it does not say. */
    readonly retryAfter: number | null = null,
  ) {
    super(`${status} ${code}`);
    this.name = "Problem";
  }
}

/** The service did not answer, for as long as we were ready to try. */
export class Unreachable extends Error {
  constructor(options?: ErrorOptions) {
    super("the service cannot be reached", options);
    this.name = "Unreachable";
  }
}

const PREFIX = "urn:interview:problem:";

/** The problem that a response tells of. */
export async function problemOf(response: Response): Promise<Problem> {
  let document: Record<string, unknown> = {};
  try {
    if (/[/+]json\b/.test(response.headers.get("Content-Type") ?? "")) document = await response.json();
  } catch {
    // a proxy's page, or a body that was cut off: the status says enough
  }
  const type = String(document.type ?? "");
  return new Problem(
    response.status,
    type.startsWith(PREFIX) ? type.slice(PREFIX.length) : "unknown",
    String(document.detail ?? ""),
    String(document.title ?? ""),
    Array.isArray(document.errors) ? (document.errors as FieldError[]) : [],
    response.headers.get("Content-Language") ?? "",
    seconds(response.headers.get("Retry-After")),
  );
}

function seconds(header: string | null): number | null {
  return header && /^\d{1,6}$/.test(header) ? Number(header) : null;
}
