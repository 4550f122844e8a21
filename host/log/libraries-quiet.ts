/**
 * `DEBUG=*` makes libraries print what they send, our account at Elasticsearch
 * and the passwords of its users included. They read it when they are loaded, so
 * this stands before all of them.
 */
delete process.env.DEBUG;
