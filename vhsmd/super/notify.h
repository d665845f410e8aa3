/* sd_notify(3): tells the service manager how the node is.  The protocol, one
 * datagram to $NOTIFY_SOCKET, is documented there as stable; libsystemd would
 * bring compression libraries into the supervisor. */
#ifndef SUPER_NOTIFY_H
#define SUPER_NOTIFY_H

/* state: lines such as "READY=1\nSTATUS=serving".  Nothing without
 * $NOTIFY_SOCKET; a failure is logged and changes nothing. */
void notify(const char *state);
/* The node serves.  cluster: where it listens for nodes, "" when it is in none;
 * trouble: one line, or NULL. */
void notify_ready(const char *cluster, const char *trouble);

#endif
