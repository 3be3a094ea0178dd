// Questions to the read API. Every answer names the publication it was read from.

export class ProblemError extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export async function ask(path, params = {}, signal = undefined) {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== null && value !== undefined) search.set(key, value);
  }
  const address = search.size ? `api/market/${path}?${search}` : `api/market/${path}`;
  let response;
  try {
    response = await fetch(address, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ProblemError(0, "unreachable", String(error));
  }
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

async function problemOf(response) {
  try {
    const problem = await response.json();
    return new ProblemError(response.status, problem.code, problem.detail);
  } catch {
    return new ProblemError(response.status, "unreadable", response.statusText);
  }
}
