/** The published losses of the repository, which the build makes a module of. */
declare module "examples" {
  const examples: { name: string; text: string }[];
  export default examples;
}
