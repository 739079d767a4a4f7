/** What the API refuses, with the status that says so. */
import { ShoalError, type ShoalErrorOptions } from '@shoal/errors';

/** The API refuses a request: its token, its body, what it names, or how many there are. */
export class ApiRequestError extends ShoalError {
  override readonly code = 'ERR_NODE_API_REQUEST';
  readonly status: number;

  constructor(status: number, message: string, options: ShoalErrorOptions = {}) {
    super(message, options);
    this.status = status;
  }
}
