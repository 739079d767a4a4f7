/**
 * Every condition this package reports, one class each. Codes are stable; callers test `code`.
 */
export {};
