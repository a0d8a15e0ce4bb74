// Clears the status: no class index outside its range was met yet.

@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) word: u32) {
    status[word] = 0u;
}
