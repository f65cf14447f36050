/**
 * The beginning of a text from elsewhere. Half a character would come back from the API server as another one, and look
 * like news for ever; SQS refuses it.
 *
 * @param most  UTF-16 units
 */
export function cutText(text: string, most: number): string {
  return text.slice(0, most).toWellFormed();
}
