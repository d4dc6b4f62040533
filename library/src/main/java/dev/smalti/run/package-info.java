/**
 * What a run leaves behind: {@link dev.smalti.run.RunFolder} and its checkpoints, folders of pictures, token files that grow,
 * results that are kept, and the one exception of everything that a user can put right,
 * {@link dev.smalti.run.JobException}.
 */
package dev.smalti.run;
