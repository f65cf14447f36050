/** A cluster's id in its two parts. */
export interface ClusterId {
  /** Twelve digits; absent where it is that of whoever names the cluster. */
  readonly account?: string;
  /** As EKS knows it. */
  readonly name: string;
}

/** @param id  `shop`, or with its account `222233334444/shop` */
export function splitClusterId(id: string): ClusterId {
  const [account = "", name] = id.split("/");
  return name === undefined ? { name: id } : { account, name };
}

/**
 * The one id by which everything here knows a cluster: its name alone in the stack's own account, `ACCOUNT/NAME` in
 * every other. So two clusters of one name in two accounts never are the same, and one cluster never is two.
 *
 * @param id      as an event gives it; without an account it is a cluster of the sender's
 * @param sender  the account that put the event, as EventBridge says
 * @param own     the stack's account: it may speak of every cluster, any other one of its own
 * @returns       undefined where the sender speaks of somebody else's cluster
 */
export function knownClusterId(id: string, sender: string, own: string): string | undefined {
  const { account = sender, name } = splitClusterId(id);
  if (account !== sender && sender !== own) return undefined;
  return account === own ? name : `${account}/${name}`;
}
