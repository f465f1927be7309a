// fetch with the CSRF header and the platform's one error shape.

export interface Problem {
  status: number;
  code: string;
  detail: string;
  hint: string;
}

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** The CSRF token of this page, from the form field or meta tag the server wrote. */
export function csrfToken(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

export async function problemOf(response: Response): Promise<Problem> {
  const fallback = { status: response.status, code: "", detail: `HTTP ${response.status}`, hint: "" };
  try {
    const body = (await response.json()) as Partial<Problem> & { error?: string | { message?: string } };
    const error = typeof body.error === "string" ? body.error : body.error?.message;
    return { ...fallback, code: body.code ?? "", detail: body.detail || error || fallback.detail, hint: body.hint ?? "" };
  } catch {
    return fallback;
  }
}

/** JSON in, JSON out. Throws ProblemError for 4xx and 5xx, TypeError when the network fails. */
export async function fetchJson<T>(url: string, init: RequestInit = {}): Promise<T> {
  const headers = new Headers(init.headers);
  headers.set("Accept", "application/json");
  if (init.method && init.method !== "GET") headers.set("X-CSRFToken", csrfToken());
  const response = await fetch(url, { ...init, headers });
  if (!response.ok) throw new ProblemError(await problemOf(response));
  return (await response.json()) as T;
}
