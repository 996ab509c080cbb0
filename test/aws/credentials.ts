// What the test servers are told to accept; nobody else does.

export const accessKey = 'handout';
export const secretKey = 'handout-tests';
export const region = 'us-east-1';
