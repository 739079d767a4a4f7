/** Ann, who may read and push at the registries of tests that let nobody else in. */
export const USER = 'ann';
export const PASSWORD = 'secret';

/** As programs that are given a user have her. */
export const ANN = { kind: 'password', username: USER, password: PASSWORD } as const;

/** All that a registry knows. */
export const USERS = { [USER]: PASSWORD };

/** As command lines have her. */
export const CREDENTIALS = `${USER}:${PASSWORD}`;
